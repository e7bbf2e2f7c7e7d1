/** Faults during a push: a clear message, the right exit code, and the next push completes the work. */
import { execFile } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import t, { type Test } from 'tap'
import { testDatabase } from '../support/database.ts'
import { program, run } from '../support/program.ts'
import { accountsOf, seedPortfolio } from './seed-portfolio.ts'
import { bulkSettings, startBulk } from './start-bulk.ts'
import { TOKEN, type Tratta } from './start-tratta.ts'
import { storedAccounts } from './stored-accounts.ts'

const CUSTOMERS = 1200
const NOTHING = /^$/
const AGAIN = 'What was sent is stored: run it again to resume.\n'

// Each test has its own database and its own simulated Tratta.
t.jobs = 3

const posts = (tratta: Tratta) => tratta.requests.filter(({ method }) => method === 'POST')

async function startFaults(t: Test) {
  const started = await startBulk(t)
  const { database, tratta, env } = started
  await seedPortfolio(database, CUSTOMERS)
  // About fifty requests, ten per second.
  Object.assign(env, { TRATTA_BULK_BYTES: '20000', TRATTA_REQUESTS_PER_MINUTE: '600' })
  async function isComplete() {
    const { accepted } = await storedAccounts(database)
    t.equal(accepted.length, accountsOf(CUSTOMERS))
    t.same(accepted, tratta.accounts())
  }
  return {
    ...started,
    push: (more: Record<string, string> = {}) => program(t, ['bulk', 'push'], { ...env, ...more }),
    /** Resolves when Tratta has accepted this number of requests. */
    async accepted(count: number) {
      while (tratta.accepted().posts < count) await pause(20)
    },
    isComplete,
    /** The next push completes the work. */
    async resumes() {
      t.match(await run(t, ['bulk', 'push'], { ...env, TRATTA_REQUESTS_PER_MINUTE: '1000000' }), {
        code: 0,
        stderr: NOTHING,
      })
      await isComplete()
    },
    unsettled: () =>
      database.query("select state from tratta_jit.bulk_requests where state in ('sending', 'unknown')"),
  }
}

const fault = (title: string, work: (t: Test) => Promise<void>) => t.test(title, { buffered: true }, work)

fault('Postgres closes all connections: the push stops, and the next one resumes it', async (t) => {
  const { database, push, accepted, resumes } = await startFaults(t)
  const pushing = push()
  await accepted(5)
  const admin = new pg.Client(process.env.TEST_POSTGRES_URL)
  await admin.connect()
  const name = new URL(database.url).pathname.slice(1)
  await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name])
  await admin.end()
  t.match(await pushing.ended, { code: 1 })
  // Which connection reports it first is not determined.
  const messages = [
    `The lock was lost because the connection to Postgres failed. ${AGAIN}`,
    `The database cannot be used: Postgres ended the connection. Run it again. ${AGAIN}`,
  ]
  t.ok(messages.includes(pushing.stderr()), pushing.stderr())
  await resumes()
})

fault('Tratta revokes the token: the push stops, and no request is unknown', async (t) => {
  const { tratta, push, accepted, resumes, unsettled } = await startFaults(t)
  const pushing = push()
  await accepted(5)
  tratta.configure({ token: 'another-token' })
  t.match(await pushing.ended, { code: 1 })
  t.match(
    pushing.stderr(),
    /^(POST \/bulk|GET \/bulk\/\S+\/errors): Tratta does not accept the token \(401\): Unauthenticated\. Check TRATTA_API_TOKEN: production and sandbox have different tokens\. What was sent is stored: run it again to resume\.\n$/,
  )
  t.same(await unsettled(), [])
  tratta.configure({ token: TOKEN })
  await resumes()
})

fault('an outage of Tratta: the push waits, and loses nothing', async (t) => {
  const { tratta, push, accepted, isComplete } = await startFaults(t)
  const pushing = push()
  await accepted(5)
  await tratta.injectFaults({ kind: 'outage', ms: 2000 })
  t.match(await pushing.ended, { code: 0 })
  t.match(pushing.stderr(), NOTHING)
  await isComplete()
})

fault(
  '429, 503, 500, HTML, empty and long answers, connections reset and cut: the push completes',
  async (t) => {
    const { tratta, push, accepted, isComplete } = await startFaults(t)
    const pushing = push()
    await accepted(2)
    await tratta.injectFaults(
      { kind: 'status', status: 429, retryAfter: 1, times: 1 },
      { kind: 'status', status: 429, times: 1 },
      { kind: 'status', status: 503, times: 2 },
      { kind: 'status', status: 500, times: 2 },
      { kind: 'html', times: 2 },
      { kind: 'empty', times: 2 },
      { kind: 'huge', times: 2 },
      { kind: 'reset', times: 2 },
      { kind: 'lost_response', times: 3 },
    )
    t.match(await pushing.ended, { code: 0 })
    t.match(pushing.stderr(), NOTHING)
    t.ok(posts(tratta).length > tratta.accepted().posts, 'requests were sent again')
    await isComplete()
  },
)

fault('SIGINT: the push stops, and no request is unknown', async (t) => {
  const { push, accepted, resumes, unsettled } = await startFaults(t)
  const pushing = push()
  await accepted(5)
  pushing.process.kill('SIGINT')
  t.same(await pushing.ended, { code: 1, signal: null })
  t.equal(pushing.stderr(), `Stopped. ${AGAIN}`)
  t.same(await unsettled(), [])
  await resumes()
})

fault('a second push at the same time reports the process of the first', async (t) => {
  const { push, accepted, bulk } = await startFaults(t)
  const pushing = push({ TRATTA_REQUESTS_PER_MINUTE: '60' })
  await accepted(2)
  const { pid } = pushing.process
  t.match(await bulk('push'), {
    code: 1,
    stdout: NOTHING,
    stderr: new RegExp(
      `^A push runs on this database: process ${pid} on \\S+, since \\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ\\. Two at once would send twice\\.\n$`,
    ),
  })
  t.match((await bulk('status')).stdout, new RegExp(`; is running, process ${pid} on `))
})

fault('bulk errors --csv: a full disk is an error, a reader that ends early is not', async (t) => {
  const { database, env, bulk } = await startFaults(t)
  await database.query('update tratta_jit.debt_accounts set customer_external_id = null')
  t.match(await bulk('push'), { code: 3, stderr: NOTHING })
  const { PATH = '', HOME = '' } = process.env
  const shell = (pipeline: string) =>
    new Promise((resolve) => {
      const command = `${JSON.stringify(process.execPath)} src/cli.ts bulk errors --csv ${pipeline}`
      const options = { env: { PATH, HOME, ...env } }
      const child = execFile('/bin/sh', ['-c', command], options, (_, stdout, stderr) =>
        resolve({ code: child.exitCode, stdout, stderr }),
      )
    })
  t.same(await shell('> /dev/full'), {
    code: 1,
    stdout: '',
    stderr: 'Standard output cannot be written (ENOSPC): it is not complete\n',
  })
  t.same(await shell('| head -1'), {
    code: 0,
    stdout:
      'customer_external_id,location_external_id,debt_account_external_id,rejected_by,outcome,reasons,bulk_id,found_at\n',
    stderr: '',
  })
  t.same(await shell('| wc -l'), { code: 0, stdout: `${accountsOf(CUSTOMERS) + 1}\n`, stderr: '' })
})

fault('a database that is not up to date: the push names the next command', async (t) => {
  const database = await testDatabase(t, { migrated: false })
  t.same(await run(t, ['bulk', 'push'], bulkSettings(database, { url: 'http://127.0.0.1:1/api/v1' })), {
    code: 1,
    stdout: '',
    stderr: 'The database is not up to date: run `tratta-jit migrate` first\n',
    lines: [],
  })
})
