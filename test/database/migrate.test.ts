import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import pg from 'pg'
import t from 'tap'
import { testDatabase } from '../support/database.ts'
import { run } from '../support/program.ts'

// Each test has a database of its own, and waits most of the time.
t.jobs = 2

/** A released migration never changes. Until the first release, a change updates its hash here. */
const FROZEN: Record<string, string> = {
  '0001-accounts': '00d693f1eeeb67b24f561ce88254cb99fa56fe9da0c3e99c17ac230216aadb74',
  '0002-registrations': '3af105b485b7368d88d05dfcd140af57a2b32abdfb0904ec6eeb19e3cd6c95e7',
  '0003-bulk': 'daaa27d865d3808296249be6bee0e7520e496201d659cd76aa62782788b60b86',
  '0004-calls': '4eed589c808acd7fae0f462d44c652f82a79fc8e079f909a80e20d8000d9898b',
  '0005-readings': 'a72b86eece5572be5cece22b8a8d01df13f27576b4a4aaf4e77056967b473d61',
  '0006-imports': '2f9c15e617c7e0f68bb1abbed32022c6f180584b1bbf5c385a85297eac7e649c',
  '0007-trigger-samples': '4d8140060865ed4d1620ef6675b90782c0d37d738f61b6bb6dd8c25423698cc5',
}

/** The advisory lock of Kysely's Migrator. A session holds it. */
const LOCK = '3853314791062309107'

t.test('migrations have not changed', { buffered: true }, async (t) => {
  const files = Object.fromEntries(
    globSync('migrations/*.sql').map((file) => [
      file.slice('migrations/'.length, -'.sql'.length),
      createHash('sha256').update(readFileSync(file)).digest('hex'),
    ]),
  )
  t.same(files, FROZEN)
})

t.test('migrate', { buffered: true }, async (t) => {
  const { url, query } = await testDatabase(t, { migrated: false })
  const env = { DATABASE_URL: url }
  const names = Object.keys(FROZEN)

  const before = await run(t, ['migrate', '--status', '--json'], env)
  t.same(
    before.lines,
    names.map((name) => ({ name })),
  )
  t.same(await query(`select from pg_namespace where nspname = 'tratta_jit'`), [], '--status creates nothing')

  const both = await Promise.all([run(t, ['migrate', '--json'], env), run(t, ['migrate', '--json'], env)])
  t.same(
    both.map(({ code, stderr }) => ({ code, stderr })),
    [
      { code: 0, stderr: '' },
      { code: 0, stderr: '' },
    ],
  )
  t.same(
    both.flatMap(({ lines }) => lines.flatMap((line) => line.migrated)),
    names,
    'each migration runs once',
  )
  t.match(await run(t, ['migrate'], env), { code: 0, stdout: 'Nothing to migrate\n', stderr: '' })
  const other = new pg.Client(url)
  await other.connect()
  await other.query(`select pg_advisory_lock(${LOCK})`)
  t.match(await run(t, ['migrate'], env), { code: 0 }, 'without a pending migration it takes no lock')
  await other.end()
  const after = await run(t, ['migrate', '--status', '--json'], env)
  t.same(
    after.lines.map(({ name, executed_at }) => [name, typeof executed_at]),
    names.map((name) => [name, 'string']),
  )

  await query(`insert into tratta_jit.kysely_migration values ('9999-from-the-future', now()::text)`)
  t.match(await run(t, ['migrate'], env), { code: 0 }, 'a newer program has migrated')
  t.match((await run(t, ['migrate', '--status'], env)).stdout, /9999-from-the-future .*by a newer version/)
})

t.test(
  'migrate with an unknown migration that has run, and a known one that has not: does nothing',
  { buffered: true },
  async (t) => {
    const { url, query } = await testDatabase(t)
    await query(`delete from tratta_jit.kysely_migration where name = '0003-bulk';
    insert into tratta_jit.kysely_migration values ('0002-from-the-future', now()::text)`)
    t.match(await run(t, ['migrate'], { DATABASE_URL: url }), {
      code: 0,
      stdout: 'Nothing to migrate\n',
      stderr: '',
    })
    t.same(
      (await run(t, ['migrate', '--status', '--json'], { DATABASE_URL: url })).lines.map(
        ({ name, executed_at, unknown }) => [name, typeof executed_at, unknown],
      ),
      [
        ...Object.keys(FROZEN).map((name) => [
          name,
          name === '0003-bulk' ? 'undefined' : 'string',
          undefined,
        ]),
        ['0002-from-the-future', 'string', true],
      ],
    )
  },
)

t.test(
  'a migration that takes longer than the default statement_timeout completes',
  { buffered: true },
  async (t) => {
    const { url, query } = await testDatabase(t, { migrated: false })
    const name = new URL(url).pathname.slice(1)
    await query(`
    create function public.wait() returns event_trigger language plpgsql as $$
        begin
          if to_regclass('public.waited') is not null then return; end if;
          create table public.waited ();
          perform pg_sleep(3.5);
        end $$;
    create event trigger slow_migration on ddl_command_end when tag in ('CREATE DOMAIN') execute function public.wait();
    alter database ${name} set statement_timeout = '3s'`)
    await t.rejects(query('create domain public.slow as text'), { code: '57014' }, 'the timeout applies')
    t.match(await run(t, ['migrate', '--json'], { DATABASE_URL: url }), {
      code: 0,
      stderr: '',
      lines: [{ migrated: Object.keys(FROZEN) }],
    })
  },
)

t.test('the tables reject what Tratta would reject', { buffered: true }, async (t) => {
  const { query } = await testDatabase(t)
  const long = 'x'.repeat(256)
  const rejected: [string, string][] = [
    [
      'a metadata value of 256 characters',
      `locations (external_id, name, metadata) values ('l', 'L', '{"k": "${long}"}')`,
    ],
    [
      'a metadata key of 256 characters',
      `locations (external_id, name, metadata) values ('l', 'L', '{"${long}": "v"}')`,
    ],
    ['an empty metadata value', `locations (external_id, name, metadata) values ('l', 'L', '{"k": ""}')`],
    [
      'a metadata value that is not a text',
      `locations (external_id, name, metadata) values ('l', 'L', '{"k": 1}')`,
    ],
    ['metadata that is a list', `locations (external_id, name, metadata) values ('l', 'L', '[]')`],
    ['an unknown location type', `locations (external_id, name, type) values ('l', 'L', 'bank')`],
    ['a location without a name', `locations (external_id, name) values ('l', '  ')`],
    [
      'the same name and type twice',
      `locations (external_id, name, type) values ('l', 'L', null), ('m', 'L', 'original_creditor')`,
    ],
    ['three SSN digits', `customers (external_id, name, ssn_last4) values ('c', 'C', '042')`],
    [
      'an e-mail address without a domain',
      `customers (external_id, name, email) values ('c', 'C', 'c@localhost')`,
    ],
    [
      'a phone number that is not of the US',
      `customers (external_id, name, phone) values ('c', 'C', '+49 30 901820')`,
    ],
    ['an address that is a text', `customers (external_id, name, address) values ('c', 'C', '"1 Elm St"')`],
    ['a number for a city', `customers (external_id, name, address) values ('c', 'C', '{"city": 1}')`],
    ['an empty external_id', `customers (external_id, name) values ('', 'C')`],
    ['an external_id of 256 characters', `customers (external_id, name) values ('${long}', 'C')`],
    ['an external_id with a line break', `customers (external_id, name) values (E'a\\nb', 'C')`],
    ['no balance', `debt_accounts (external_id) values ('a')`],
    ['more than 2^53 - 1 cents', `debt_accounts (external_id, balance) values ('a', 9007199254740992)`],
    ['its own parent', `debt_accounts (external_id, parent_external_id, balance) values ('a', 'a', 1)`],
    [
      'a plan without an amount',
      `debt_accounts (external_id, balance, payment_plan) values ('a', 1, '{"frequency": "weekly", "recurring_day": "1st"}')`,
    ],
    [
      'a plan of cents with a fraction',
      `debt_accounts (external_id, balance, payment_plan) values ('a', 1, '{"frequency": "weekly", "recurring_day": "1st", "amount": 1.5}')`,
    ],
    [
      'a further location without a name',
      `debt_accounts (external_id, balance, locations) values ('a', 1, '[{"external_id": "l"}]')`,
    ],
  ]
  for (const [title, sql] of rejected)
    await t.rejects(query(`insert into tratta_jit.${sql}`), { code: /^23/ }, title)
  await t.resolves(
    query(
      `insert into tratta_jit.debt_accounts (external_id, parent_external_id, customer_external_id, balance) values ('child', 'parent', 'customer', 1)`,
    ),
    'an account whose parent and customer do not exist: import and check report these',
  )
})
