/** Views of an agency: their columns, their types, and changes while the service is running. */
import pg from 'pg'
import t from 'tap'
import { accountStatement } from '../../src/database/account-statement.ts'
import { findAccount } from '../../src/database/find-account.ts'
import { CATALOG, problemsOf, relationsOf } from '../../src/database/relations.ts'
import { buildPayload } from '../../src/payload/build-payload.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { run, SECRET, service } from '../support/program.ts'

// Each test has a database of its own, and waits most of the time.
t.jobs = 3

const LONE = 'create view agency.customers as select 1 as external_id, null::text as name where false'
const NOWHERE = 'create view agency.locations as select 1 as external_id, null::text as name where false'
const schema = (accounts: string, customers = LONE, locations = NOWHERE) =>
  `create schema agency; create view agency.debt_accounts as ${accounts}; ${customers}; ${locations}`

/** An unknown id is not an error. */
const notThere = (ids: readonly string[]) => ids.map(() => undefined)

/** The payloads of several ids; undefined for an unknown one. */
async function lookups({ url }: TestDatabase, ids: string[]) {
  const pool = new pg.Pool({ connectionString: url })
  const statement = accountStatement('agency', true)
  try {
    const found: unknown[] = []
    for (const id of ids) {
      const row = await findAccount(pool, statement, id, { queryMs: 60_000 })
      found.push(row && buildPayload(row).payload.data)
    }
    return found
  } finally {
    await pool.end()
  }
}

t.test(
  'views with the required columns only, and with unknown columns: the account is found',
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    await database.query(
      schema(`select 7 as external_id, 2000 as balance, now() as "Posted At", '{1}'::int[] as codes`),
    )
    t.same(await lookups(database, ['7', '8']), [
      { debt_account: { external_id: '7', balance: 2000 } },
      undefined,
    ])
  },
)

t.test(
  'identifiers of every type are found by their text representation only',
  { buffered: true },
  async (t) => {
    const uuid = '70b440dc-5283-3bd5-bb93-8dc599f2288f'
    for (const [type, literal, given, others] of [
      ['smallint', '7', '7', ['07', '7.0', '+7', ' 7', '7e0', 'seven', '99999', '']],
      ['integer', '-7', '-7', ['7', '-07', '99999999999']],
      [
        'bigint',
        '9223372036854775807',
        '9223372036854775807',
        ['9223372036854775808', '99999999999999999999'],
      ],
      ['numeric(20,0)', '7', '7', ['7.0', '07', 'x']],
      ['uuid', `'${uuid}'`, uuid, [uuid.toUpperCase(), uuid.replaceAll('-', ''), `{${uuid}}`, 'x']],
      ['text', `'A 7'`, 'A 7', ['a 7', 'A 7 ']],
      ['varchar(10)', `'A 7'`, 'A 7', ['a 7', 'A 7 ']],
      ['char(10)', `'A 7'`, 'A 7', ['a 7', 'A 7 ', 'A 7       ']],
      ['citext', `'A 7'`, 'A 7', ['a 7', 'A 7 ']],
      ['tratta_jit.external_id', `'A 7'`, 'A 7', ['a 7']],
    ] as const)
      await t.test(type, async (t) => {
        const database = await testDatabase(t)
        if (type === 'citext') await database.query('create extension citext')
        const child = type === 'uuid' ? 'a0000000-0000-4000-8000-000000000001' : '1'
        await database.query(`
        create table public.account (id ${type}, parent ${type}, cents integer);
        insert into public.account values (${literal}, null, 5), ('${child}', ${literal}, 6)`)
        await database.query(
          schema(
            'select id as external_id, parent as parent_external_id, cents as balance from public.account',
          ),
        )
        const [found, its, ...notFound] = await lookups(database, [given, child, ...others])
        t.same(found, {
          debt_account: { external_id: given, balance: 5 },
          child_debt_accounts: [{ external_id: child, parent_external_id: given, balance: 6 }],
        })
        t.same(its, { debt_account: { external_id: child, parent_external_id: given, balance: 6 } })
        t.same(notFound, notThere(others))
      })
  },
)

t.test('identifiers of different types are compared as texts', { buffered: true }, async (t) => {
  const database = await testDatabase(t)
  await database.query(
    schema(
      `select '7' as external_id, null::integer as parent_external_id, 5::bigint as customer_external_id, 'HARBOR'::char(8) as location_external_id, 1 as balance
       union all select 'x', 7, 5, 'harbor', 2`,
      `create view agency.customers as select 5::numeric(9,0) as external_id, 'Ada' as name`,
      `create view agency.locations as select 'HARBOR'::varchar(20) as external_id, 'Clinic' as name`,
    ),
  )
  t.same(await lookups(database, ['7', 'x']), [
    {
      location: { external_id: 'HARBOR', name: 'Clinic' },
      customer: { external_id: '5', name: 'Ada' },
      debt_account: { external_id: '7', balance: 1 },
      child_debt_accounts: [{ external_id: 'x', parent_external_id: '7', balance: 2 }],
    },
    {
      customer: { external_id: '5', name: 'Ada' },
      debt_account: { external_id: 'x', parent_external_id: '7', balance: 2 },
    },
  ])
})

t.test('columns of every readable type: the payload', { buffered: true }, async (t) => {
  const database = await testDatabase(t)
  await database.query(
    `create type public.kind as enum ('current_creditor', 'one-time'); create domain public.dollars as numeric(12,2)`,
  )
  await database.query(
    schema(
      `select 7 as external_id, 5 as customer_external_id, 1 as location_external_id, 12.00::public.dollars as balance,
         3::smallint as current_balance, 4711::bigint as external_account_number,
         array['one-time']::public.kind[] as billing_type, array['{"name": "X"}']::jsonb[] as locations,
         '{"frequency": "weekly", "recurring_day": "Friday", "amount": 100}'::text as payment_plan,
         '{"n": 1}'::json as metadata`,
      `create view agency.customers as select 5 as external_id, 'Ada Sample'::char(20) as name, 2065550199 as phone,
         timestamp '1979-05-17 00:00' as date_of_birth, 1234::smallint as ssn_last4,
         '{"city": "Tacoma"}'::char(40) as address`,
      `create view agency.locations as select 1 as external_id, 'Clinic' as name, 'current_creditor'::public.kind as type`,
    ),
  )
  t.same(await lookups(database, ['7']), [
    {
      location: { external_id: '1', name: 'Clinic', type: 'current_creditor' },
      customer: {
        external_id: '5',
        name: 'Ada Sample',
        phone: '2065550199',
        date_of_birth: '1979-05-17',
        ssn_last4: 1234,
        address: { city: 'Tacoma' },
      },
      debt_account: {
        external_id: '7',
        external_account_number: '4711',
        billing_type: ['one-time'],
        balance: 12,
        current_balance: 3,
        locations: [{ name: 'X' }],
        payment_plan: { frequency: 'weekly', recurring_day: 'friday', amount: 100 },
        metadata: { n: '1' },
      },
    },
  ])
  await database.query(
    `create or replace view agency.customers as select 5 as external_id, 'Ada Sample'::char(20) as name,
    2065550199 as phone, timestamp '1979-05-17 13:00' as date_of_birth`.replace(
      'create or replace view',
      'drop view agency.customers; create view',
    ),
  )
  t.match(await lookups(database, ['7']), [{ customer: { external_id: '5', date_of_birth: undefined } }])
  await database.query(`drop view agency.customers; create view agency.customers as
    select 5 as external_id, 'Ada' as name, '1979-05-17'::char(12) as date_of_birth`)
  t.match(await lookups(database, ['7']), [{ customer: { external_id: '5', date_of_birth: '1979-05-17' } }])
  await database.query(`
    alter database ${new URL(database.url).pathname.slice(1)} set datestyle = 'German';
    drop view agency.customers;
    create view agency.customers as select 5 as external_id, 'Ada' as name, date '1979-05-17' as date_of_birth;
    drop view agency.debt_accounts;
    create view agency.debt_accounts as select 7 as external_id, 5 as customer_external_id, 12 as balance,
      array['one-time']::char(20)[] as billing_type`)
  t.strictSame(await lookups(database, ['7']), [
    {
      customer: { external_id: '5', name: 'Ada', date_of_birth: '1979-05-17' },
      debt_account: { external_id: '7', billing_type: ['one-time'], balance: 12 },
    },
  ])
})

t.test(
  'columns that are not readable: each is named with its type and the readable types',
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    await database.query(
      schema(
        `select 7.5 as external_id, 7::numeric(9,2) as parent_external_id, 1::money as balance, 1::real as current_balance,
         '{1}'::int[] as billing_type, 5 as metadata`,
        'create view agency.customers as select true as external_id, now() as email, 5 as date_of_birth',
        'create materialized view agency.places as select 1',
      ),
    )
    const { rows } = await pgQuery(database, CATALOG, ['agency'])
    const identifier =
      'text, varchar, char, citext, smallint, integer, bigint, numeric without fraction or uuid'
    const json = 'json, jsonb, text, varchar, char or citext'
    const problems = [
      `agency.debt_accounts.external_id is numeric, which cannot be read as an identifier: make it ${identifier}`,
      `agency.debt_accounts.parent_external_id is numeric(9,2), which cannot be read as an identifier: make it ${identifier}`,
      'agency.debt_accounts.billing_type is integer[], which cannot be read as a list: make it json, jsonb, text, varchar, char, citext, an enum or an array of any of these',
      'agency.debt_accounts.balance is money, which cannot be read as whole cents: make it smallint, integer, bigint or numeric',
      'agency.debt_accounts.current_balance is real, which cannot be read as whole cents: make it smallint, integer, bigint or numeric',
      `agency.debt_accounts.metadata is integer, which cannot be read as JSON: make it ${json}`,
      `agency.customers.external_id is boolean, which cannot be read as an identifier: make it ${identifier}`,
      'agency.customers has no column name, which is required (text, varchar, char, citext, smallint, integer, bigint, numeric, uuid or an enum)',
      'agency.customers.email is timestamp with time zone, which cannot be read as a text: make it text, varchar, char, citext, smallint, integer, bigint, numeric, uuid or an enum',
      'agency.customers.date_of_birth is integer, which cannot be read as a date: make it date, timestamp, timestamptz, text, varchar, char or citext',
      'there is no table or view agency.locations',
    ]
    t.same(problemsOf(relationsOf('agency', rows)), problems)

    const env = { DATABASE_URL: database.url, DATABASE_SCHEMA: 'agency', JIT_SECRET: SECRET }
    const message = problems.join('; ')
    t.match(await run(t, ['serve'], env), { code: 1, stderr: `The database cannot be used: ${message}\n` })
    t.match(await run(t, ['lookup', '7'], env), { code: 1, stdout: '', stderr: `${message}\n` })
    const tratta = { TRATTA_API_URL: 'http://127.0.0.1:1', TRATTA_API_TOKEN: 'none' }
    t.match(await run(t, ['bulk', 'push', '--dry-run'], { ...env, ...tratta }), {
      code: 1,
      stderr: `${message}\n`,
    })
  },
)

async function pgQuery({ url }: TestDatabase, text: string, values: unknown[]) {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return await client.query(text, values)
  } finally {
    await client.end()
  }
}

t.test(
  'GET /jit while a view changes: the new columns are read, and 503 without a required one',
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    const accounts = (columns: string) =>
      `begin; drop view agency.debt_accounts; create view agency.debt_accounts as select ${columns}; commit`
    await database.query(schema(`select 7 as external_id, 2000 as balance, 1500 as current_balance`))
    const { ask, adminUrl, requestLine } = await service(t, database.url, { DATABASE_SCHEMA: 'agency' })
    const answers = async (data: object) => t.same(await ask('7'), { status: 200, body: { data } })
    const ready = async () => (await fetch(`${adminUrl}/health/ready`)).status

    await answers({ debt_account: { external_id: '7', balance: 2000, current_balance: 1500 } })
    await database.query(accounts('7 as external_id, 2000 as balance'))
    await answers({ debt_account: { external_id: '7', balance: 2000 } })
    await database.query(accounts(`'7'::text as external_id, 2100 as balance`))
    await answers({ debt_account: { external_id: '7', balance: 2100 } })
    await database.query(accounts('7 as external_id, 2200::bigint as balance, 0 as further'))
    await answers({ debt_account: { external_id: '7', balance: 2200 } })
    t.equal(await ready(), 200)

    await database.query(accounts('7 as external_id'))
    const { status, body } = await ask('7')
    const { code, request_id } = body as { code: string; request_id: string }
    t.same([status, code], [503, 'database_unavailable'])
    t.match(await requestLine(request_id), {
      error: {
        message:
          'agency.debt_accounts has no column balance, which is required (smallint, integer, bigint or numeric)',
      },
    })
    await database.query('drop view agency.debt_accounts')
    t.match(await ask('7'), { status: 503 })
    await database.query(`create view agency.debt_accounts as select 7 as external_id, 2300 as balance`)
    await answers({ debt_account: { external_id: '7', balance: 2300 } })
  },
)

t.test('50 concurrent lookups before the columns are read: all are found', { buffered: true }, async (t) => {
  const database = await testDatabase(t)
  await database.query(schema('select i as external_id, i as balance from generate_series(1, 100) i'))
  const pool = new pg.Pool({ connectionString: database.url, max: 3 })
  const statement = accountStatement('agency', true)
  const ids = Array.from({ length: 100 }, (_, index) => String(index + 1))
  const limits = { queryMs: 60_000 }
  const rows = await Promise.all(ids.slice(0, 50).map((id) => findAccount(pool, statement, id, limits)))
  t.same(
    rows.map((row) => row?.debt_account.external_id),
    ids.slice(0, 50),
  )
  await database.query('drop view agency.customers')
  await t.rejects(findAccount(pool, statement, '1', limits), {
    cause: { message: 'there is no table or view agency.customers' },
  })
  await pool.end()
})
