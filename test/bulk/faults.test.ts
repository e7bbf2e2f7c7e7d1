/** Faults during a push: a clear message, the right exit code, and the next push completes the work. */
import { spawnSync } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import t, { type Test } from 'tap'
import { testDatabase } from '../support/database.ts'
import { program, run } from '../support/program.ts'
import { accountsOf, seedPortfolio } from './portfolio.ts'
import { bulkSettings, ourAccounts, simulatedTratta } from './tratta.ts'

const CUSTOMERS = 3000

// Each has a database and a simulated Tratta of its own, and waits most of the time.
t.jobs = 4

async function started(t: Test, settings = {}) {
  const database = await testDatabase(t)
  const tratta = await simulatedTratta(t, settings)
  await seedPortfolio(database, CUSTOMERS)
  // Some fifty requests, ten a second.
  const env = {
    ...bulkSettings(database, tratta),
    TRATTA_BULK_BYTES: '50000',
    TRATTA_REQUESTS_PER_MINUTE: '600',
  }
  const pushing = (more = {}) => program(t, ['bulk', 'push'], { ...env, ...more })
  const sent = async (posts: number) => {
    while ((await tratta.accepted()).posts < posts) await pause(50)
  }
  return {
    database,
    tratta,
    env,
    pushing,
    sent,
    async finishes() {
      const last = await run(t, ['bulk', 'push'], { ...env, TRATTA_REQUESTS_PER_MINUTE: '1000000' })
      t.match(last, { code: 0, stderr: '' })
      const ours = await ourAccounts(database)
      t.equal(ours.accepted.length, accountsOf(CUSTOMERS))
      t.same(ours.accepted, await tratta.held('debt_accounts'))
    },
  }
}

t.test('the database lost in the middle', { buffered: true }, async (t) => {
  const { database, pushing, sent, finishes } = await started(t)
  const push = pushing()
  await sent(5)
  const admin = new pg.Client(process.env.TEST_POSTGRES_URL)
  await admin.connect()
  const name = new URL(database.url).pathname.slice(1)
  await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name])
  await admin.end()
  t.match(await push.ended, { code: 1 })
  t.match(
    push.stderr(),
    /^(The database cannot be used: .*|The lock was lost .*)\. What was sent is stored: run it again to resume\.\n$/,
  )
  await finishes()
})

t.test('the token revoked in the middle', { buffered: true }, async (t) => {
  const { tratta, pushing, sent, finishes, database } = await started(t)
  const push = pushing()
  await sent(5)
  await tratta.configure({ token: 'another-token' })
  t.match(await push.ended, { code: 1 })
  t.match(push.stderr(), /Tratta does not accept the token \(401\).*Check TRATTA_API_TOKEN.*run it again/)
  t.same(
    await database.query("select state from tratta_jit.bulk_requests where state in ('sending', 'unknown')"),
    [],
    'no request is unknown',
  )
  await tratta.configure({ token: 'token-of-the-simulated-bulk' })
  await finishes()
})

t.test('an outage of Tratta: the push waits, and loses nothing', { buffered: true }, async (t) => {
  const { tratta, pushing, sent, database } = await started(t)
  const push = pushing()
  await sent(5)
  await tratta.injectFaults({ kind: 'outage', ms: 4000 })
  t.match(await push.ended, { code: 0 })
  const ours = await ourAccounts(database)
  t.equal(ours.accepted.length, accountsOf(CUSTOMERS))
  t.same(ours.accepted, await tratta.held('debt_accounts'))
})

t.test('429, 503, 500, pages, empty answers, connections reset and cut', { buffered: true }, async (t) => {
  const { tratta, pushing, sent, database } = await started(t)
  const push = pushing()
  await sent(2)
  await tratta.injectFaults(
    { kind: 'status', status: 429, retryAfter: 1, times: 2 },
    { kind: 'status', status: 429, times: 2 },
    { kind: 'status', status: 503, times: 2 },
    { kind: 'status', status: 500, times: 2 },
    { kind: 'html', times: 2 },
    { kind: 'empty', times: 2 },
    { kind: 'huge', times: 2 },
    { kind: 'reset', times: 2 },
    { kind: 'lost_response', times: 3 },
  )
  t.match(await push.ended, { code: 0 })
  const ours = await ourAccounts(database)
  t.equal(ours.accepted.length, accountsOf(CUSTOMERS))
  t.same(ours.accepted, await tratta.held('debt_accounts'))
})

t.test('Ctrl-C: the state of every request is stored', { buffered: true }, async (t) => {
  const { pushing, sent, finishes, database } = await started(t)
  const push = pushing()
  await sent(5)
  push.process.kill('SIGINT')
  t.same(await push.ended, { code: 1, signal: null })
  t.match(push.stderr(), 'Stopped. What was sent is stored: run it again to resume.')
  t.same(
    await database.query("select state from tratta_jit.bulk_requests where state in ('sending', 'unknown')"),
    [],
  )
  await finishes()
})

t.test(
  'two pushes at once: the second reports which process runs, and since when',
  { buffered: true },
  async (t) => {
    const { pushing, sent, env } = await started(t)
    const push = pushing({ TRATTA_REQUESTS_PER_MINUTE: '60' })
    await sent(2)
    const second = await run(t, ['bulk', 'push'], env)
    t.match(second, {
      code: 1,
      stderr: new RegExp(
        `^A push runs on this database: process ${push.process.pid} on \\S+, since \\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ\\.`,
      ),
    })
    const status = await run(t, ['bulk', 'status'], env)
    t.match(status.stdout, new RegExp(`is running, process ${push.process.pid} on `))
  },
)

t.test('a disk that is full', { buffered: true }, async (t) => {
  const { database, env } = await started(t)
  await database.query('update tratta_jit.debt_accounts set customer_external_id = null')
  await run(t, ['bulk', 'push'], { ...env, TRATTA_REQUESTS_PER_MINUTE: '1000000' })
  const { PATH = '', HOME = '' } = process.env
  const shell = (command: string) =>
    spawnSync('/bin/sh', ['-c', `${JSON.stringify(process.execPath)} src/cli.ts ${command}`], {
      env: { PATH, HOME, ...env },
      encoding: 'utf8',
    })
  t.match(shell('bulk errors --csv > /dev/full'), {
    status: 1,
    stderr: 'Standard output cannot be written (ENOSPC): it is not complete\n',
  })
  t.match(shell('bulk errors --csv | head -1'), {
    stdout: /^customer_external_id,[^\n]*\n$/,
    stderr: /^$/,
  })
  t.match(shell('bulk errors --csv | wc -l'), { stdout: /^\s*\d{4,}\n/, stderr: '' })
})

t.test('a database that is not up to date', { buffered: true }, async (t) => {
  const database = await testDatabase(t, { migrated: false })
  t.match(await run(t, ['bulk', 'push'], bulkSettings(database, { url: 'http://127.0.0.1:1/api/v1' })), {
    code: 1,
    stderr: 'The database is not up to date: run `tratta-jit migrate` first\n',
  })
})
