/** New connections: slow ones, failing ones, calls that wait for one, and prepared statements on them. */
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import t from 'tap'
import { callAtRate, tally } from '../support/calls.ts'
import { MINIMUM, testDatabase } from '../support/database.ts'
import { startDelayingProxy } from '../support/delaying-proxy.ts'
import { installed } from '../support/external-program.ts'
import { startPgBouncer } from '../support/pgbouncer.ts'
import { SECRET, service } from '../support/program.ts'

// Each test has a database of its own, and waits most of the time.
t.jobs = 3

const skip = installed('pgbouncer') ? false : 'pgbouncer is not installed'

t.test(
  'GET /jit with a round trip of 260 ms to Postgres: every call is answered',
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    await database.query(MINIMUM)
    // Connecting takes six round trips with a password: 1.5 s.
    const { ask } = await service(t, await startDelayingProxy(t, database.url, 130))
    const answers = await Promise.all(Array.from({ length: 30 }, () => ask('123456')))
    t.same(
      answers.map(({ status }) => status),
      answers.map(() => 200),
    )
  },
)

t.test(
  'GET /jit while a lock holds all connections for 2 s: no call is lost',
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    await database.query(MINIMUM)
    const { url } = await service(t, database.url, { DATABASE_POOL_SIZE: '2' })
    const client = new pg.Client(database.url)
    await client.connect()
    await client.query('begin; lock table tratta_jit.debt_accounts in access exclusive mode')
    const calls = callAtRate(`${url}/jit/${SECRET}?debt_account_external_id=123456`, 30)
    await new Promise((resolve) => setTimeout(resolve, 2000))
    await client.query('rollback')
    await client.end()
    const made = await calls.stop()
    t.ok(made.length > 20)
    t.same(tally(made), { 200: made.length })
  },
)

t.test(
  'GET /jit while a materialized view is refreshed for 2 s: no call is lost',
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    await database.query(`
      create schema agency;
      create materialized view agency.debt_accounts as
        select '123456' as external_id, 2000 as balance with no data;
      create view agency.customers as select * from tratta_jit.customers;
      create view agency.locations as select * from tratta_jit.locations;
      refresh materialized view agency.debt_accounts`)
    const { url } = await service(t, database.url, { DATABASE_POOL_SIZE: '2', DATABASE_SCHEMA: 'agency' })
    const calls = callAtRate(`${url}/jit/${SECRET}?debt_account_external_id=123456`, 30)
    const client = new pg.Client(database.url)
    await client.connect()
    await client.query('begin; refresh materialized view agency.debt_accounts')
    await new Promise((resolve) => setTimeout(resolve, 2000))
    await client.query('commit')
    await client.end()
    const made = await calls.stop()
    t.ok(made.length > 20)
    t.same(tally(made), { 200: made.length })
  },
)

t.test(
  'a file of sslrootcert that is missing for a while: 503, then 200, and the program keeps running',
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    await database.query(MINIMUM)
    const file = join(t.testdir({}), 'ca.pem')
    writeFileSync(file, '')
    const address = new URL(database.url)
    address.searchParams.set('sslmode', 'disable')
    address.searchParams.set('sslrootcert', file)
    const { ask } = await service(t, address.href, { DATABASE_POOL_SIZE: '1' })
    t.equal((await ask('123456')).status, 200)
    renameSync(file, `${file}.away`)
    const terminate =
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tratta-jit' and datname = current_database()"
    await database.query(terminate)
    // The first call detects the broken connection, at the latest.
    let answer = await ask('123456')
    while (answer.status === 200) answer = await ask('123456')
    t.match(answer, { status: 503, body: { code: 'database_unavailable' } })
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask('123456')))
    t.same(new Set(answers.map(({ status }) => status)), new Set([503]))
    renameSync(`${file}.away`, file)
    t.equal((await ask('123456')).status, 200)
  },
)

t.test('after the start, DATABASE_POOL_SIZE connections are opened', { buffered: true }, async (t) => {
  const database = await testDatabase(t)
  const { adminUrl } = await service(t, database.url, { DATABASE_POOL_SIZE: '5' })
  let metrics = ''
  while (!metrics.includes('tratta_jit_pool_connections{state="idle"} 5'))
    metrics = await (await fetch(`${adminUrl}/metrics`)).text()
  t.match(metrics, 'tratta_jit_pool_connections{state="total"} 5')
})

for (const encoding of ['LATIN1', 'SQL_ASCII', 'EUC_JP'])
  t.test(
    `GET /jit for an id that ${encoding} cannot hold: 404 account_not_found`,
    { buffered: true },
    async (t) => {
      const database = await testDatabase(t)
      const name = `test_${encoding.toLowerCase()}_${process.pid}`
      await database.query(`create database ${name} encoding ${encoding} locale 'C' template template0`)
      t.teardown(() => database.query(`drop database ${name} with (force)`))
      const address = new URL(database.url)
      address.pathname = `/${name}`
      const { ask } = await service(t, address.href)
      for (const id of ['😀', 'A-\u0e01']) {
        const { status, body } = await ask(id)
        t.match({ status, body }, { status: 404, body: { code: 'account_not_found' } })
      }
    },
  )

for (const [setting, expected] of [
  ['true', ['1', '1']],
  ['false', ['0', '0']],
] as const)
  t.test(
    `DATABASE_PREPARED_STATEMENTS=${setting}: a session has ${expected[0]} prepared statements`,
    { buffered: true },
    async (t) => {
      const database = await testDatabase(t)
      await database.query(`
      create schema agency;
      create view agency.debt_accounts as select id as external_id, 1 as balance,
        (select count(*) from pg_prepared_statements) as external_account_number from (values ('a'), ('b')) as ids (id);
      create view agency.customers as select * from tratta_jit.customers;
      create view agency.locations as select * from tratta_jit.locations`)
      const { ask } = await service(t, database.url, {
        DATABASE_SCHEMA: 'agency',
        DATABASE_POOL_SIZE: '1',
        DATABASE_PREPARED_STATEMENTS: setting,
      })
      const counts: unknown[] = []
      for (const id of ['a', 'b']) {
        const { body } = await ask(id)
        const { data } = body as { data: { debt_account: { external_account_number: string } } }
        counts.push(data.debt_account.external_account_number)
      }
      t.same(counts, expected)
    },
  )

t.test(
  'GET /jit behind a PgBouncer: no prepared statement stays in a session of Postgres',
  { skip, buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    await database.query(MINIMUM)
    const pgBouncer = await startPgBouncer(database.url, process.env.TEST_LOGS!)
    t.teardown(pgBouncer.stop)
    const { ask } = await service(t, pgBouncer.url, { DATABASE_PREPARED_STATEMENTS: 'false' })
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask('123456')))
    t.same(new Set(answers.map(({ status }) => status)), new Set([200]))
    // PgBouncer gives its sessions to its next clients in turn.
    const clients = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const client = new pg.Client(pgBouncer.url)
        await client.connect()
        await client.query('begin')
        return client
      }),
    )
    for (const client of clients) {
      t.same((await client.query('select name from pg_prepared_statements')).rows, [])
      await client.query('rollback')
      await client.end()
    }
  },
)
