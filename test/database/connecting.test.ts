/** New connections: slow ones, those that cannot be created, and calls that wait for one. */
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import t from 'tap'
import { callAtRate, tally } from '../support/calls.ts'
import { MINIMUM, testDatabase } from '../support/database.ts'
import { startDelayingProxy } from '../support/delaying-proxy.ts'
import { SECRET, service } from '../support/program.ts'

t.test('GET /jit with a round trip of 260 ms to Postgres: every call is answered', async (t) => {
  const database = await testDatabase(t)
  await database.query(MINIMUM)
  // Connecting takes six round trips with a password: 1.5 s.
  const { ask } = await service(t, await startDelayingProxy(t, database.url, 130))
  const answers = await Promise.all(Array.from({ length: 30 }, () => ask('123456')))
  t.same(
    answers.map(({ status }) => status),
    answers.map(() => 200),
  )
})

t.test('GET /jit while a lock holds all connections for 2 s: no call is lost', async (t) => {
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
})

t.test(
  'a file of sslrootcert that is missing for a while: 503, then 200, and the program keeps running',
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
    // The broken connection is noticed by the first call, at the latest.
    let answer = await ask('123456')
    while (answer.status === 200) answer = await ask('123456')
    t.match(answer, { status: 503, body: { code: 'database_unavailable' } })
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask('123456')))
    t.same(new Set(answers.map(({ status }) => status)), new Set([503]))
    renameSync(`${file}.away`, file)
    t.equal((await ask('123456')).status, 200)
  },
)

t.test('after the start, DATABASE_POOL_SIZE connections are opened', async (t) => {
  const database = await testDatabase(t)
  const { adminUrl } = await service(t, database.url, { DATABASE_POOL_SIZE: '5' })
  let metrics = ''
  while (!metrics.includes('tratta_jit_pool_connections{state="idle"} 5'))
    metrics = await (await fetch(`${adminUrl}/metrics`)).text()
  t.match(metrics, 'tratta_jit_pool_connections{state="total"} 5')
})

for (const encoding of ['LATIN1', 'SQL_ASCII', 'EUC_JP'])
  t.test(`GET /jit for an id that ${encoding} cannot hold: 404 account_not_found`, async (t) => {
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
  })
