/** The response to a call when a row or a view raises an error, and when Postgres is unavailable. */
import t, { type Test } from 'tap'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { readExposition, sampleOf } from '../support/exposition.ts'
import { run, SECRET, service } from '../support/program.ts'

const CUSTOMERS = 'create view agency.customers as select 1 as external_id, null::text as name where false'
const LOCATIONS = 'create view agency.locations as select 1 as external_id, null::text as name where false'

const schema = (accounts: string, customers = CUSTOMERS, locations = LOCATIONS) =>
  `create schema agency; create view agency.debt_accounts as ${accounts}; ${customers}; ${locations}`

/**
 * A view with an account for each SQLSTATE, whose id it is, and that raises it with a name in the message. The
 * account `good` raises nothing.
 */
const RAISING = `
  create function public.raising(code text, value text) returns text language plpgsql stable as $$
  begin
    if code = 'good' then return value; end if;
    raise exception 'no debtor %', value using errcode = code, column = value, table = value;
  end $$;
  create table public.source (id text primary key, balance integer, value text);
  insert into public.source select id, 5, 'Jane Roe' from unnest(string_to_array('good ${[
    'cast',
    'zero',
    'date',
    'many',
    ...['23514', '42804', '42P01', '42703', 'P0001', 'XX000'],
    ...['08006', '40001', '40P01', '42501', '53200', '55P03', '57P03', '58030', '25006'],
  ].join(' ')}', ' ')) as id;
  ${schema(`select id as external_id, balance, case id
      when 'cast' then value::integer::text
      when 'zero' then (1 / (length(value) - 8))::text
      when 'date' then value::date::text
      when 'many' then (select v from (values ('x'), ('y')) many (v) where value <> v)
      else public.raising(id, value) end as external_account_number from public.source`)}`

async function serve(t: Test, database: TestDatabase) {
  const running = await service(t, database.url, { DATABASE_SCHEMA: 'agency' })
  const ask = async (externalId: string) => {
    const { status, body } = await running.ask(externalId)
    const { request_id, ...rest } = body as Record<string, unknown>
    return { status, body: rest, line: request_id && (await running.requestLine(String(request_id))) }
  }
  return { ...running, ask }
}

const NOT_READABLE = { type: 'about:blank', title: 'The database cannot read the debt account', status: 500 }

t.test('GET /jit for accounts whose view raises an error', async (t) => {
  const database = await testDatabase(t)
  await database.query(RAISING)
  const { ask, adminUrl, url, stdout } = await serve(t, database)
  const calls = async (outcome: string) =>
    sampleOf(readExposition(await (await fetch(`${adminUrl}/metrics`)).text()), 'tratta_jit_calls_total', {
      outcome,
    })

  const notReadable = [
    ['cast', '22P02', 'a text cannot be cast to another type'],
    ['zero', '22012', 'division by zero'],
    ['date', '22007', 'a text is not a valid date'],
    ['23514', '23514', 'a constraint does not hold'],
    ['42804', '42804', 'types do not match'],
    ['42P01', '42P01', 'a table or view does not exist'],
    ['42703', '42703', 'a column does not exist'],
    ['P0001', 'P0001', 'a function raised an exception'],
    ['XX000', 'XX000', 'an internal error of Postgres'],
    ['many', '21000', 'a subquery returned more than one row'],
  ] as const
  for (const [id, code, meaning] of notReadable)
    await t.test(`${code}: 500 account_not_readable`, async (t) => {
      const detail = `a view fails for this account: ${meaning} (${code})`
      const { status, body, line } = await ask(id)
      t.same([status, body], [500, { ...NOT_READABLE, code: 'account_not_readable', detail }])
      t.match(line, {
        outcome: 'account_not_readable',
        error: { type: 'DatabaseError', code, message: meaning },
      })
      t.equal((await ask('good')).status, 200)
      t.equal((await fetch(`${url}/health/ready`)).status, 200)
      const env = { DATABASE_URL: database.url, DATABASE_SCHEMA: 'agency' }
      t.same(await run(t, ['lookup', id], env), {
        code: 1,
        stdout: '',
        stderr: `Tratta would get an error: ${detail}\n`,
        lines: [],
      })
    })
  t.equal(await calls('account_not_readable'), notReadable.length)

  const unavailable = ['08006', '40001', '40P01', '42501', '53200', '55P03', '57P03', '58030', '25006']
  for (const code of unavailable)
    await t.test(`${code}: 503 database_unavailable with Retry-After`, async (t) => {
      const { headers } = await fetch(`${url}/jit/${SECRET}?debt_account_external_id=${code}`)
      t.equal(headers.get('retry-after'), '1')
      const { status, body, line } = await ask(code)
      t.same([status, body.code], [503, 'database_unavailable'])
      t.match(line, { error: { code } })
      t.equal((await ask('good')).status, 200)
    })
  t.equal(await calls('database_unavailable'), 2 * unavailable.length)
  t.notMatch(stdout(), 'Jane Roe')
})

t.test(
  'serve and lookup with a view that casts a name for every account: no output has the name',
  async (t) => {
    const database = await testDatabase(t)
    await database.query(`
    create table public.source (id text, value text); insert into public.source values ('', 'Jane Roe'), ('a', 'Jane Roe');
    ${schema('select id as external_id, value::integer as balance from public.source')}`)
    const env = { DATABASE_URL: database.url, DATABASE_SCHEMA: 'agency', JIT_SECRET: SECRET }
    const served = await run(t, ['serve'], env)
    t.equal(served.code, 1)
    const found = await run(t, ['lookup', 'a'], env)
    t.equal(found.code, 1)
    const checked = await run(t, ['check', '--json'], env)
    for (const { stdout, stderr } of [served, found, checked]) {
      t.match(stdout + stderr, '22P02')
      t.notMatch(stdout + stderr, 'Jane')
    }
  },
)

t.test('GET /jit for an ambiguous account: 500 that names the relation', async (t) => {
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
    const detail = `${field} exists more than once`
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
