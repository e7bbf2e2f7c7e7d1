/** Failures of Postgres, the network and the disk, with a Postgres of this test. FAULT_SECONDS sets the time without an answer. */
import { openSync, readFileSync } from 'node:fs'
import http from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import t from 'tap'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/development/embedded-postgres.ts'
import { call, callAtRate, percentile, tally } from '../support/calls.ts'
import { freePort, startChildProcess } from '../support/child-process.ts'
import { SECRET, service } from '../support/program.ts'
import { SLOW_VIEWS } from '../support/slow-views.ts'

const SILENT_MS = Number(process.env.FAULT_SECONDS ?? 8) * 1000
const DEADLINE_MS = 2000
/** Recovery time. The service needs a tenth of it; the rest is for a busy machine. */
const RECOVERY_MS = 3000

let postgres: EmbeddedPostgres
t.before(async () => {
  postgres = await startEmbeddedPostgres()
})
t.teardown(() => postgres.stop())

async function started(t: Parameters<typeof service>[0], env: Record<string, string> = {}) {
  const running = await service(t, postgres.url, {
    JIT_DEADLINE_MS: String(DEADLINE_MS),
    LOG_LEVEL: 'info',
    ...env,
  })
  const client = new pg.Client(postgres.url)
  await client.connect()
  const { rows } = await client.query('select from tratta_jit.debt_accounts')
  if (rows.length === 0) await client.query(readFileSync('sample/accounts.sql', 'utf8'))
  await client.end()
  return { ...running, jit: `${running.url}/jit/${SECRET}?debt_account_external_id=A-500100` }
}

/** On a new connection: a service that stops closes idle connections. */
const status = async (url: string) => (await call(url, new http.Agent())).status

/** Measured by the service: this process is busy with the calls. */
const timesOf = (lines: Record<string, unknown>[]) =>
  lines.flatMap(({ route, ms }) => (route === '/jit/:secret' ? { at: 0, ms: ms as number } : []))

const WAITING_FOR_A_LOCK =
  "select from pg_stat_activity where application_name = 'tratta-jit' and wait_event_type = 'Lock'"

/** Waits until a call due after `since` was answered 200. @returns milliseconds since then */
async function firstAnswer(calls: { made: { at: number; ms: number; status?: number }[] }, since: number) {
  for (;;) {
    const found = calls.made.find((call) => call.status === 200 && call.at > since)
    if (found) return found.at + found.ms - since
    await pause(20)
  }
}

t.test('200 calls a second while Postgres is killed and restarted: 503 in time, then 200', async (t) => {
  const { jit, url, adminUrl, lines } = await started(t)
  const calls = callAtRate(jit, 200)
  await pause(1500)
  postgres.signal('SIGKILL')
  await pause(1500)
  t.equal(await status(`${url}/health/ready`), 503)
  t.equal(await status(`${url}/health/live`), 200)
  await postgres.start()
  const back = performance.now()
  const until200 = await firstAnswer(calls, back)
  await pause(RECOVERY_MS + 1000)
  const made = await calls.stop()

  t.same(Object.keys(tally(made)).sort(), ['200', '503'])
  const longest = percentile(timesOf(lines()), 1)
  t.ok(longest < DEADLINE_MS, `the longest took ${longest} ms, ${percentile(made, 1)} ms at the client`)
  t.ok(until200 < RECOVERY_MS, `first 200 after ${until200} ms`)
  t.ok(tally(made)['200']! > 300)
  const after = made.filter(({ at }) => at > back + RECOVERY_MS)
  t.same(tally(after), { 200: after.length })
  const pool = await (await fetch(`${adminUrl}/metrics`)).text()
  t.match(pool, 'tratta_jit_pool_connections{state="waiting"} 0')
})

t.test(
  `200 calls a second while Postgres does not answer for ${SILENT_MS / 1000} s: 503 or 504 in time, then 200`,
  async (t) => {
    const { jit, url, adminUrl, lines } = await started(t)
    const calls = callAtRate(jit, 200)
    await pause(1000)
    postgres.signal('SIGSTOP')
    await pause(SILENT_MS)
    const [ready, live] = await Promise.all([status(`${url}/health/ready`), status(`${url}/health/live`)])
    t.same([ready, live], [503, 200])
    postgres.signal('SIGCONT')
    const back = performance.now()
    await pause(RECOVERY_MS + 1000)
    const made = await calls.stop()

    const longest = percentile(timesOf(lines()), 1)
    t.ok(
      longest < DEADLINE_MS + 100,
      `the longest took ${longest} ms, ${percentile(made, 1)} ms at the client`,
    )
    t.same(
      Object.keys(tally(made)).filter((end) => !['200', '503', '504'].includes(end)),
      [],
    )
    const after = made.filter(({ at }) => at > back + RECOVERY_MS)
    t.same(tally(after), { 200: after.length })
    t.equal(await status(`${url}/health/ready`), 200)
    t.match(
      await (await fetch(`${adminUrl}/metrics`)).text(),
      'tratta_jit_pool_connections{state="waiting"} 0',
    )
  },
)

t.test('a lock that stays: 504, and Postgres cancels the statement', async (t) => {
  const { jit } = await started(t)
  const client = new pg.Client(postgres.url)
  await client.connect()
  await client.query('begin; lock table tratta_jit.debt_accounts in access exclusive mode')
  const agent = new http.Agent()
  const calls = await Promise.all(Array.from({ length: 5 }, () => call(jit, agent)))
  t.same(tally(calls), { 504: 5 })
  t.ok(percentile(calls, 1) < DEADLINE_MS)
  const { rows } = await client.query(
    "select from pg_stat_activity where application_name = 'tratta-jit' and state = 'active'",
  )
  t.equal(rows.length, 0, 'no statement is running')
  await client.query('rollback')
  await client.end()
  t.equal(await status(jit), 200)
})

t.test('a client that disconnects: one log line, one count, and the next call is answered', async (t) => {
  const { jit, adminUrl, line, lines } = await started(t)
  const client = new pg.Client(postgres.url)
  await client.connect()
  await client.query('begin; lock table tratta_jit.debt_accounts in access exclusive mode')
  const sent = http.get(jit).on('error', () => {})
  // A transaction sees one snapshot of pg_stat_activity until it is cleared.
  while ((await client.query(WAITING_FOR_A_LOCK)).rows.length === 0)
    await client.query('select pg_stat_clear_snapshot()')
  sent.destroy()
  await line(({ outcome }) => outcome === 'client_disconnected')
  await client.query('rollback')
  await client.end()
  t.equal(await status(jit), 200)
  await line(({ outcome }) => outcome === 'answered')
  t.equal(timesOf(lines()).length, 2)
  const metrics = await (await fetch(`${adminUrl}/metrics`)).text()
  t.match(metrics, 'tratta_jit_calls_total{outcome="client_disconnected"} 1')
  t.match(metrics, 'tratta_jit_call_duration_seconds_count 2')
})

t.test('a migration that changes a column type of a prepared statement: 200', async (t) => {
  const { jit } = await started(t, { DATABASE_POOL_SIZE: '1' })
  t.equal(await status(jit), 200)
  const client = new pg.Client(postgres.url)
  await client.connect()
  // The statement's result types stay the same where it casts, so this needs a column that it does not cast.
  await client.query('alter table tratta_jit.debt_accounts alter external_account_number type varchar(300)')
  t.equal(await status(jit), 200)
  await client.query('alter table tratta_jit.debt_accounts alter external_account_number type text')
  await client.end()
  t.equal(await status(jit), 200)
})

t.test('SIGTERM under 500 calls a second on keep-alive connections: every call is answered', async (t) => {
  const { jit, url, process: child, ended } = await started(t, { JIT_DEADLINE_MS: '9000' })
  const calls = callAtRate(jit, 500)
  while (calls.made.length < 5000) await pause(100)
  child.kill('SIGTERM')
  const signaled = performance.now()
  // Like a load balancer: it notices that ready fails, and stops sending calls a second later.
  while ((await status(`${url}/health/ready`)) === 200) await pause(50)
  await pause(1000)
  const made = await calls.stop()
  t.same(tally(made), { 200: made.length })
  t.same(await ended, { code: 0, signal: null })
  const took = performance.now() - signaled
  t.ok(took < 3000 + 9000 + 1000, `ended after ${took} ms`)
})

t.test('SIGTERM while clients keep sending: every accepted call is answered', async (t) => {
  const { jit, process: child, ended, lines } = await started(t, { JIT_DEADLINE_MS: '5000' })
  const calls = callAtRate(jit, 500)
  await pause(1000)
  child.kill('SIGTERM')
  await ended
  const made = await calls.stop()
  // The kernel refuses or resets connections that are not accepted when the port closes.
  const { 200: answered = 0, ECONNREFUSED, ECONNRESET, ...others } = tally(made)
  t.same(others, {})
  t.equal(timesOf(lines()).length, answered, 'every accepted call was answered')
  t.ok(answered > 100)
})

t.test('a full disk for the log: calls are answered, and SIGTERM ends the program', async (t) => {
  const port = await freePort()
  const full = openSync('/dev/full', 'a')
  const running = await startChildProcess([process.execPath, 'src/cli.ts', 'serve'], {
    cwd: '.',
    env: { DATABASE_URL: postgres.url, JIT_SECRET: SECRET, PORT: String(port), ADMIN_PORT: '0' },
    stdout: full,
    stderr: full,
  })
  t.teardown(running.kill)
  const jit = `http://127.0.0.1:${port}/jit/${SECRET}?debt_account_external_id=A-500100`
  while ((await status(jit)) !== 200) await pause(50)
  for (let call = 0; call < 50; call++) t.equal(await status(jit), 200)
  process.kill(running.pid, 'SIGTERM')
  t.equal(await running.ended, 0)
})

t.test('three times as many calls as can be answered: 200 or 503 within the deadline', async (t) => {
  const client = new pg.Client(postgres.url)
  await client.connect()
  await client.query(SLOW_VIEWS)
  await client.end()
  const {
    jit,
    process: child,
    lines,
  } = await started(t, {
    DATABASE_POOL_SIZE: '2',
    DATABASE_SCHEMA: 'slow',
    JIT_DEADLINE_MS: '5000',
  })
  const before = await memoryOf(child.pid)
  const calls = callAtRate(jit, 600)
  await pause(6000)
  const made = await calls.stop()
  t.equal(await status(jit), 200, 'a later call is answered')

  t.same(Object.keys(tally(made)).sort(), ['200', '503'])
  const took = (status: number) => timesOf(lines().filter((line) => line.status === status))
  t.ok(took(200).length > 100)
  for (const code of [200, 503]) t.ok(percentile(took(code), 1) < 5000, `${code} within the deadline`)
  const after = await memoryOf(child.pid)
  t.ok(after < before + 100, `${before} MB before, ${after} MB after`)
})

async function memoryOf(pid: number | undefined) {
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024)
}
