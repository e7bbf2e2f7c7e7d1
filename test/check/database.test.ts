/** `check` reports invalid settings, connection errors, migrations that have not run, and missing privileges. */
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import t from 'tap'
import { run } from '../support/program.ts'
import { GRANTS, serviceRole, testRole } from '../support/role.ts'
import { expectResults, type Found, NO_LOOKUP, skipped } from './expect-results.ts'
import { type CheckedService, startCheckedService } from './start-checked-service.ts'

const MIGRATIONS = readdirSync('migrations').length

const NEEDS_DATABASE = 'needs the result of database'
const NEEDS_PRIVILEGES = 'needs the result of privileges'

/** The checks that need Postgres. */
const withoutDatabase = (why: string, whyNoLookup = why): Found[] => [
  skipped('connections', why),
  skipped('pooler', why),
  skipped('migrations', why),
  skipped('readings', why),
  skipped('relations', why),
  skipped('privileges', why),
  ...NO_LOOKUP(why, whyNoLookup),
]
const noPostgres = (result: Omit<Found, 'check' | 'state'>): Found[] => [
  { check: 'database', state: 'error', ...result },
  ...withoutDatabase(NEEDS_DATABASE),
  skipped('registration', NEEDS_DATABASE),
]
const noRights = (result: Omit<Found, 'check' | 'state'>): Found[] => [
  { check: 'privileges', state: 'error', ...result },
  ...NO_LOOKUP(NEEDS_PRIVILEGES),
]

// Each test has its own database.
t.jobs = 3

let healthy: CheckedService
t.before(async () => {
  healthy = await startCheckedService(t)
})

t.test('a short JIT_SECRET is an error', { buffered: true }, async (t) =>
  expectResults(t, { ...healthy.env, JIT_SECRET: 'short' }, [
    {
      check: 'settings',
      state: 'error',
      message: 'JIT_SECRET must be 32 to 200 of the characters A-Z a-z 0-9 . _ ~ -',
      remedy: 'set JIT_SECRET, see .env.example',
    },
    skipped('public_url', 'needs JIT_SECRET'),
    skipped('registration', 'needs JIT_SECRET'),
  ]),
)

t.test('a JIT_SECRET_NEXT that is in use is a warning', { buffered: true }, async (t) =>
  expectResults(t, { ...healthy.env, JIT_SECRET_NEXT: healthy.env.JIT_SECRET! }, [
    {
      check: 'settings',
      state: 'warning',
      message: 'JIT_SECRET_NEXT has the same value as JIT_SECRET',
      remedy: 'set it to a new secret: openssl rand -hex 32',
    },
  ]),
)

t.test('a DATABASE_REPLICA_URL that is no replica is an error', { buffered: true }, async (t) =>
  expectResults(t, { ...healthy.env, DATABASE_REPLICA_URL: healthy.env.DATABASE_URL! }, [
    {
      check: 'connections',
      state: 'error',
      message: 'DATABASE_REPLICA_URL is not a streaming replica, so that it never answers a call',
      remedy: 'name a hot standby of the primary, or remove DATABASE_REPLICA_URL',
    },
  ]),
)

t.test('a missing DATABASE_URL is an error', { buffered: true }, async (t) => {
  const { DATABASE_URL, ...env } = healthy.env
  await expectResults(t, env, [
    {
      check: 'settings',
      state: 'error',
      message: 'DATABASE_URL is not set: URL of the database, postgres://user:password@host:port/database',
      remedy: 'set DATABASE_URL, see .env.example',
    },
    skipped('database', 'needs DATABASE_URL'),
    ...withoutDatabase(NEEDS_DATABASE, 'needs DATABASE_URL'),
    skipped('registration', 'needs DATABASE_URL'),
  ])
})

t.test('no listener at the address of Postgres is an error', { buffered: true }, async (t) =>
  expectResults(
    t,
    { ...healthy.env, DATABASE_URL: 'postgres://127.0.0.1:1/none' },
    noPostgres({
      message:
        'The database cannot be used: nothing accepts connections at the host and port in DATABASE_URL (ECONNREFUSED)',
      remedy: 'Check the host and the port, and that Postgres is running',
    }),
  ),
)

t.test('a wrong password is an error', { buffered: true }, async (t) => {
  const url = new URL(healthy.database.url)
  url.password = 'wrong-password'
  await expectResults(
    t,
    { ...healthy.env, DATABASE_URL: url.href },
    noPostgres({
      message: 'The database cannot be used: Postgres rejects the user or the password',
      remedy: 'Check the user and the password in DATABASE_URL. Percent-encode #, /, ?, @ and % in it',
    }),
  )
})

t.test('a database that does not exist is an error', { buffered: true }, async (t) => {
  const url = new URL(healthy.database.url)
  url.pathname = '/nowhere'
  await expectResults(
    t,
    { ...healthy.env, DATABASE_URL: url.href },
    noPostgres({
      message: 'The database cannot be used: the database that DATABASE_URL names does not exist',
      remedy: 'Correct its name in DATABASE_URL, or create it: createdb NAME',
    }),
  )
})

t.test('a connection limit below DATABASE_POOL_SIZE is an error', { buffered: true }, async (t) => {
  const { database, env } = await healthy.copy(t)
  const { name, url } = await testRole(t, database)
  await database.query(`${GRANTS(name)} alter role ${name} connection limit 8`)
  await expectResults(t, { ...env, DATABASE_URL: url }, [
    {
      check: 'connections',
      state: 'error',
      message: 'DATABASE_POOL_SIZE is 10, and the role allows 8 connections: calls would fail under load',
      remedy: 'set DATABASE_POOL_SIZE to 8 or less, or allow more connections',
    },
  ])
  await expectResults(t, { ...env, DATABASE_URL: url, DATABASE_POOL_SIZE: '8' }, [])
})

t.test('a pending migration is an error for a user who may not run it', { buffered: true }, async (t) => {
  const { database, env } = await healthy.copy(
    t,
    `delete from tratta_jit.kysely_migration where name like '0003%'`,
  )
  const { name, url } = await testRole(t, database)
  await database.query(GRANTS(name))
  await expectResults(t, { ...env, DATABASE_URL: url }, [
    {
      check: 'migrations',
      state: 'error',
      message: `1 of ${MIGRATIONS} migrations of the schema tratta_jit have not run, and this user may not run them`,
      remedy: 'run `tratta-jit migrate` as a user who may create a schema, see docs/data.md',
    },
  ])
})

t.test('a migration of a newer version is a warning', { buffered: true }, async (t) => {
  const { env } = await healthy.copy(
    t,
    `insert into tratta_jit.kysely_migration values ('9999-later', '2030-01-01')`,
  )
  await expectResults(t, env, [
    {
      check: 'migrations',
      state: 'warning',
      message: 'the schema tratta_jit was migrated by a newer version of this program (9999-later)',
      remedy: 'upgrade this program',
    },
  ])
})

t.test('a relation that the role may not read is an error', { buffered: true }, async (t) => {
  const { database, env } = await healthy.copy(t)
  const { name, url } = await testRole(t, database)
  await database.query(`${GRANTS(name)} revoke select on tratta_jit.customers from ${name}`)
  await expectResults(
    t,
    { ...env, DATABASE_URL: url },
    noRights({
      message: `${name} may not read tratta_jit.customers`,
      remedy: `grant select on tratta_jit.customers to ${name}`,
    }),
  )
})

t.test('a view whose owner may not read the tables is an error', { buffered: true }, async (t) => {
  const { database, env } = await healthy.copy(
    t,
    `create schema agency;
     create view agency.debt_accounts as select * from tratta_jit.debt_accounts;
     create view agency.customers as select * from tratta_jit.customers;
     create view agency.locations as select * from tratta_jit.locations`,
  )
  const { name } = await testRole(t, database)
  await database.query(`
    grant usage on schema agency, tratta_jit to ${name};
    alter view agency.customers owner to ${name}`)
  await expectResults(
    t,
    { ...env, DATABASE_SCHEMA: 'agency' },
    noRights({
      message: `${name} may not read tratta_jit.customers, which a view reads with its privileges`,
      remedy: `grant select on tratta_jit.customers to ${name}`,
    }),
  )
})

t.test('a read-only database is a warning', { buffered: true }, async (t) => {
  const { database, env } = await healthy.copy(t)
  const name = new URL(database.url).pathname.slice(1)
  await database.query(`alter database ${name} set default_transaction_read_only = on`)
  await expectResults(t, env, [
    {
      check: 'privileges',
      state: 'warning',
      message:
        'the database is read-only (a standby, or default_transaction_read_only): calls are answered, but the registration, readings of the API, bulk pushes, the call log, and reads of accounts cannot be stored',
      remedy: 'set DATABASE_URL to the primary, or run `register` and `bulk push` with another DATABASE_URL',
    },
  ])
})

t.test('a role without privileges on tratta_jit has warnings', { buffered: true }, async (t) => {
  const { database, env } = await healthy.copy(
    t,
    `create schema agency;
     create view agency.debt_accounts as select * from tratta_jit.debt_accounts;
     create view agency.customers as select * from tratta_jit.customers;
     create view agency.locations as select * from tratta_jit.locations`,
  )
  const { name, url } = await testRole(t, database)
  await database.query(
    `grant usage on schema agency to ${name}; grant select on all tables in schema agency to ${name}`,
  )
  await expectResults(t, { ...env, DATABASE_URL: url, DATABASE_SCHEMA: 'agency' }, [
    {
      check: 'migrations',
      state: 'warning',
      message:
        'this user may not read the schema tratta_jit: calls can be answered by `serve --no-migrate`, and nothing is registered',
      remedy: 'grant the privileges that docs/data.md lists',
    },
    {
      check: 'privileges',
      state: 'warning',
      message: `${name} may not write bulk_rejections, bulk_requests, bulk_rows, bulk_runs, bulk_targets, calls, readings, reads, registrations in tratta_jit: bulk pushes, the call log, readings of the API, reads of accounts, and the registration cannot be stored`,
      remedy: `grant usage on schema tratta_jit, and select, insert, update, delete on all tables in it, to ${name}`,
    },
    skipped('registration', 'needs the privilege to read tratta_jit.registrations'),
  ])
})

t.test('a role that may only read has a warning', { buffered: true }, async (t) => {
  const { database, env } = await healthy.copy(t)
  const { name, url } = await testRole(t, database)
  await database.query(`grant usage on schema tratta_jit to ${name};
    grant select on all tables in schema tratta_jit to ${name}`)
  await expectResults(t, { ...env, DATABASE_URL: url }, [
    {
      check: 'privileges',
      state: 'warning',
      message: `${name} may not write bulk_rejections, bulk_requests, bulk_rows, bulk_runs, bulk_targets, calls, readings, reads, registrations in tratta_jit: bulk pushes, the call log, readings of the API, reads of accounts, and the registration cannot be stored`,
      remedy: `grant usage on schema tratta_jit, and select, insert, update, delete on all tables in it, to ${name}`,
    },
  ])
})

t.test('a role without privileges on the call log has a warning', { buffered: true }, async (t) => {
  const { database, env } = await healthy.copy(t)
  const { name, url } = await serviceRole(t, database, [])
  await database.query(`revoke delete on tratta_jit.calls from ${name}`)
  await expectResults(t, { ...env, DATABASE_URL: url }, [
    {
      check: 'privileges',
      state: 'warning',
      message: `${name} may not write calls in tratta_jit: the call log cannot be stored`,
      remedy: `grant usage on schema tratta_jit, and select, insert, update, delete on all tables in it, to ${name}`,
    },
  ])
})

t.test('a schema that the role may not use is an error', { buffered: true }, async (t) => {
  const { database, env } = await healthy.copy(
    t,
    `create schema agency;
     create view agency.debt_accounts as select * from tratta_jit.debt_accounts;
     create view agency.customers as select * from tratta_jit.customers;
     create view agency.locations as select * from tratta_jit.locations`,
  )
  const { name, url } = await serviceRole(t, database, [])
  await expectResults(
    t,
    { ...env, DATABASE_URL: url, DATABASE_SCHEMA: 'agency' },
    noRights({
      message: `${name} may not use the schema agency`,
      remedy: `grant usage on schema agency to ${name}`,
    }),
  )
})

t.test('a connection that is slower than the limit of serve is an error', { buffered: true }, async (t) => {
  const { env } = await healthy.copy(t)
  const { hostname, port } = new URL(env.DATABASE_URL!)
  const slow = createServer((socket) => {
    const postgres = connect({ host: hostname, port: Number(port) })
    socket.on('error', () => postgres.destroy()).pipe(postgres)
    postgres.on('error', () => socket.destroy())
    // Each answer arrives 300 ms later.
    postgres.on('data', (data) => setTimeout(() => socket.write(data), 300))
    postgres.on('close', () => socket.destroy())
  })
  await once(slow.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => slow.close())
  const url = new URL(env.DATABASE_URL!)
  url.port = String((slow.address() as AddressInfo).port)
  const { lines } = await run(t, ['check', '--quick', '--json'], {
    ...env,
    DATABASE_URL: url.href,
    JIT_DEADLINE_MS: '1000',
  })
  const found = lines.find(({ check, state }) => check === 'database' && state === 'error')
  t.match(found, {
    message: /^connecting takes \d+ ms; `serve` allows \d+ ms with JIT_DEADLINE_MS 1000: calls/,
    remedy: 'raise JIT_DEADLINE_MS (at most 9000), or run `serve` closer to Postgres',
  })
})
