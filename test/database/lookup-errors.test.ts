/** What a call is answered when a row or a view fails, and when Postgres fails. */
import t from 'tap'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { run, service } from '../support/program.ts'

const CUSTOMERS = 'create view agency.customers as select 1 as external_id, null::text as name where false'
const LOCATIONS = 'create view agency.locations as select 1 as external_id, null::text as name where false'

const schema = (accounts: string, customers = CUSTOMERS, locations = LOCATIONS) =>
  `create schema agency; create view agency.debt_accounts as ${accounts}; ${customers}; ${locations}`

/** A view whose account `bad` raises, and whose account `good` does not. */
const raising = (expression: string, functions = '') => `
  ${functions};
  create table public.source (id text primary key, balance integer, value text);
  insert into public.source values ('good', 5, '7'), ('bad', 6, 'Jane Roe');
  ${schema(`select id as external_id, balance, ${expression} as external_account_number from public.source`)}`

const raise = (sqlState: string) => `
  create function public.reading(value text) returns text language plpgsql stable as $$
  begin
    if value = 'Jane Roe' then
      raise exception 'no debtor %', value using errcode = '${sqlState}', column = 'Jane Roe', table = 'Jane Roe';
    end if;
    return value;
  end $$`

async function serve(
  t: Parameters<typeof service>[0],
  database: TestDatabase,
  env: Record<string, string> = {},
) {
  const running = await service(t, database.url, { DATABASE_SCHEMA: 'agency', ...env })
  const ask = async (externalId: string) => {
    const { status, body } = await running.ask(externalId)
    const { request_id, ...rest } = body as Record<string, unknown>
    return { status, body: rest, line: request_id && (await running.requestLine(String(request_id))) }
  }
  return { ...running, ask }
}

const NOT_READABLE = { type: 'about:blank', title: 'The database cannot read the debt account', status: 500 }

for (const [code, expression, meaning, functions] of [
  ['22P02', 'value::integer', 'a text cannot be cast to another type', ''],
  ['22012', "1 / (case value when '7' then 1 else 0 end)", 'division by zero', ''],
  ['22007', "case value when '7' then null else value::date end::text", 'a text is not a valid date', ''],
  ['23514', 'public.reading(value)', 'a constraint does not hold', raise('23514')],
  ['42804', 'public.reading(value)', 'types do not match', raise('42804')],
  ['42P01', 'public.reading(value)', 'a table or view does not exist', raise('42P01')],
  ['42703', 'public.reading(value)', 'a column does not exist', raise('42703')],
  ['P0001', 'public.reading(value)', 'a function raised an exception', raise('P0001')],
  ['XX000', 'public.reading(value)', 'an internal error of Postgres', raise('XX000')],
  [
    '21000',
    "(select v from (values ('x'), ('y')) many (v) where value <> '7')",
    'a subquery returned more than one row',
    '',
  ],
] as const)
  t.test(`GET /jit for an account whose view raises ${code}: 500 account_not_readable`, async (t) => {
    const database = await testDatabase(t)
    await database.query(raising(expression, functions))
    const { ask, adminUrl, url, stdout } = await serve(t, database)
    const detail = `a view fails for this account: ${meaning} (${code})`
    const bad = await ask('bad')
    t.same([bad.status, bad.body], [500, { ...NOT_READABLE, code: 'account_not_readable', detail }])
    t.match(bad.line, {
      outcome: 'account_not_readable',
      error: { type: 'DatabaseError', code, message: meaning },
    })
    t.equal((await ask('good')).status, 200)
    t.equal((await fetch(`${url}/health/ready`)).status, 200)
    t.match(
      await (await fetch(`${adminUrl}/metrics`)).text(),
      'tratta_jit_calls_total{outcome="account_not_readable"} 1',
    )
    t.notMatch(stdout(), 'Jane Roe')
    const env = { DATABASE_URL: database.url, DATABASE_SCHEMA: 'agency' }
    t.match(await run(t, ['lookup', 'bad'], env), {
      code: 1,
      stderr: `Tratta would get an error: ${detail}\n`,
    })
  })

for (const code of ['08006', '40001', '40P01', '42501', '53200', '55P03', '57P03', '58030', '25006'])
  t.test(`GET /jit when Postgres raises ${code}: 503 database_unavailable with Retry-After`, async (t) => {
    const database = await testDatabase(t)
    await database.query(raising('public.reading(value)', raise(code)))
    const { ask, stdout } = await serve(t, database)
    const { status, body, line } = await ask('bad')
    t.same([status, body.code], [503, 'database_unavailable'])
    t.match(line, { error: { code } })
    t.equal((await ask('good')).status, 200)
    t.notMatch(stdout(), 'Jane Roe')
  })

t.test('GET /jit for an account that is ambiguous: 500 that names the relation', async (t) => {
  const database = await testDatabase(t)
  const pairs = (ids: string[]) => ids.map((id) => `('${id}')`).join()
  await database.query(
    schema(
      `select id as external_id, parent as parent_external_id, 5 as balance, id as customer_external_id,
         id as location_external_id
       from (values ('fine', null), ('account', null), ('account', null), ('customer', null), ('location', null),
         ('parent', null), ('child', 'parent'), ('other', 'parent'), ('child', 'parent')) as source (id, parent)`,
      `create view agency.customers as select id as external_id, 'A' as name
         from (values ${pairs(['fine', 'customer', 'customer'])}) as source (id)`,
      `create view agency.locations as select id as external_id, 'B' as name
         from (values ${pairs(['fine', 'location', 'location'])}) as source (id)`,
    ),
  )
  const { ask } = await serve(t, database)
  for (const [id, field] of [
    ['account', 'debt_account'],
    ['customer', 'customer'],
    ['location', 'location'],
    ['parent', 'child_debt_accounts'],
  ] as const) {
    const detail = `${field} is there twice`
    const { status, body, line } = await ask(id)
    t.equal(status, 500)
    t.match(body, { status: 500, code: 'account_not_sendable', field, detail })
    t.match(line, { field })
    t.match(await run(t, ['lookup', id], { DATABASE_URL: database.url, DATABASE_SCHEMA: 'agency' }), {
      code: 1,
      stderr: `Tratta would get an error: ${detail}\n`,
    })
  }
  t.equal((await ask('fine')).status, 200)
})
