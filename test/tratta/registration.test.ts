/** Registration at Tratta by `serve`: once, with replicas, restarts, kills, outages and rotations. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import t, { type Test } from 'tap'
import { withRegistrationLock } from '../../src/tratta/registration-store.ts'
import { callAtRate, tally } from '../support/calls.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { type Program, program, run, SECRET, service } from '../support/program.ts'
import { startSimulator } from '../support/simulator.ts'
import { trattaSettings } from './settings.ts'

const NEW_SECRET = 'the-new-secret-of-a-rotation_0123456789'
const urlWith = (secret: string) => `http://127.0.0.1:1/jit/${secret}`

// Most of the time of these tests is waiting.
t.jobs = 4

async function started(t: Test) {
  const database = await testDatabase(t)
  const { simulator } = await startSimulator(t)
  return { database, simulator, env: trattaSettings(database.url, simulator.url) }
}

const storedRow = async (database: TestDatabase) =>
  (await database.query('select state, attempts, last_error from tratta_jit.registrations'))[0]

/** The next attempt need not wait. */
const proceed = (database: TestDatabase) =>
  database.query('update tratta_jit.registrations set next_attempt_at = now()')

const ready = async (url: string) => (await fetch(`${url}/health/ready`)).json()

t.test('ten replicas that start in the same second: one POST', { buffered: true }, async (t) => {
  const { database, simulator, env } = await started(t)
  const services = await Promise.all(Array.from({ length: 10 }, () => service(t, database.url, env)))
  await Promise.all(services.map(({ line }) => line(({ event }) => event === 'registered')))
  t.same(simulator.jitUrls, [urlWith(SECRET)])
  t.equal(simulator.requests.length, 1)
  t.same(await ready(services[9]!.url), { status: 'ready', registration: 'registered' })
  t.same(await storedRow(database), { state: 'registered', attempts: 1, last_error: null })
  const rows = JSON.stringify(await database.query('select * from tratta_jit.registrations'))
  t.notMatch(rows, SECRET, 'no secret in the database')

  await t.test('a restart does not register, another secret does', async () => {
    const again = await service(t, database.url, env)
    await again.line(({ event }) => event === 'registered')
    t.equal(simulator.requests.length, 1)
    await proceed(database)
    const rotated = await service(t, database.url, { ...env, JIT_SECRET: NEW_SECRET })
    await rotated.line(({ event }) => event === 'registered')
    t.same(simulator.jitUrls, [urlWith(SECRET), urlWith(NEW_SECRET)])
  })
})

t.test(
  'killed at any step: the next start registers, with at most one more POST',
  { buffered: true },
  async (t) => {
    const ANSWER_AFTER_MS = 300
    const until = async (condition: () => unknown) => {
      while (!(await condition())) await pause(5)
    }
    type Started = Awaited<ReturnType<typeof started>> & { first: Program }
    const steps: Record<string, (started: Started) => Promise<unknown>> = {
      'while it starts': () => pause(100),
      'once it serves': ({ first }) => first.line(({ event }) => event === 'serving'),
      'before the POST': ({ database }) =>
        until(async () => (await storedRow(database))?.state === 'in_flight'),
      'during the POST': ({ simulator }) => until(() => simulator.jitUrls.length > 0),
      'at the response': async ({ simulator }) => {
        await until(() => simulator.jitUrls.length > 0)
        await pause(ANSWER_AFTER_MS)
      },
      'after the stored result': ({ first }) => first.line(({ event }) => event === 'registered'),
    }
    const seen = new Set<string>()
    const killed = async (name: string, step: (started: Started) => Promise<unknown>) => {
      const { database, simulator, env } = await started(t)
      await simulator.injectFaults({ kind: 'slow', ms: ANSWER_AFTER_MS })
      const ports = { HOST: '127.0.0.1', PORT: '0', ADMIN_PORT: '0' }
      const first = program(t, ['serve'], { ...env, ...ports })
      await step({ database, simulator, env, first })
      first.process.kill('SIGKILL')
      await first.ended
      await pause(ANSWER_AFTER_MS)
      const before = simulator.jitUrls.length
      const stored = await storedRow(database)
      seen.add(`${stored?.state ?? 'nothing'} after ${before} POST`)
      await proceed(database)

      const second = await service(t, database.url, env)
      await second.line(({ event }) => event === 'registered')
      const further = simulator.jitUrls.length - before
      const expected = stored?.state === 'registered' ? 0 : 1
      t.equal(further, expected, `${name}: ${stored?.state ?? 'nothing'} was stored after ${before} POST`)
      t.match(await storedRow(database), { state: 'registered' })
    }
    await Promise.all(Object.entries(steps).map(([name, step]) => killed(name, step)))
    t.ok(seen.size >= 3, [...seen].join(', '))
  },
)

t.test(
  'Tratta returns 500: calls are answered at once, and the URL is registered after the outage',
  { buffered: true },
  async (t) => {
    const { database, simulator, env } = await started(t)
    await database.query(`insert into tratta_jit.debt_accounts (external_id, balance) values ('a', 1)`)
    await simulator.injectFaults({ kind: 'status', status: 500 })
    const replicas = await Promise.all([service(t, database.url, env), service(t, database.url, env)])
    const { ask, url } = replicas[0]!
    t.equal((await ask('a')).status, 200)
    t.same(await ready(url), { status: 'ready', registration: 'pending' })
    const retry = ({ event }: Record<string, unknown>) => event === 'registration_retry'
    const { message, next_in_ms } = await Promise.race(replicas.map(({ line }) => line(retry)))
    t.match(message, /Tratta returned a server error \(500\)/)
    t.ok(Number(next_in_ms) >= 6000, 'at most ten POSTs a minute')
    t.match(await storedRow(database), { state: 'failed', last_error: message })
    await simulator.injectFaults()
    await Promise.all(replicas.map(({ line }) => line(({ event }) => event === 'registered')))
    t.same(simulator.jitUrls, [urlWith(SECRET)])
    const times = simulator.requests.map(({ at }) => at)
    t.equal(times.length, 2, 'one POST of both replicas in the outage, and one after it')
    t.ok(times[1]! - times[0]! >= 6000 - 100)
  },
)

t.test('while another program holds the lock, no attempt begins', { buffered: true }, async (t) => {
  const { database } = await started(t)
  const pool = new pg.Pool({ connectionString: database.url })
  const attempts: string[] = []
  const attempt = (name: string, work: () => Promise<unknown> = async () => {}) =>
    withRegistrationLock(pool, async () => {
      attempts.push(name)
      await work()
      return name
    })
  t.equal(await attempt('first', async () => t.equal(await attempt('second'), undefined)), 'first')
  await t.rejects(
    attempt('failing', () => Promise.reject(new Error('failed'))),
    { message: 'failed' },
  )
  t.equal(await attempt('third'), 'third', 'the lock is released')
  t.same(attempts, ['first', 'failing', 'third'])
  await pool.end()
})

for (const [name, status, headers, body, message] of [
  ['a redirect', 301, { location: 'https://elsewhere.example/' }, '', /Tratta returned a redirect \(301\)/],
  [
    'a page of HTML',
    200,
    { 'content-type': 'text/html' },
    '<p>Sign in</p>',
    /\(200\) is not JSON: Sign in\./,
  ],
] as const)
  t.test(`${name} is a rejection: one POST, and no retry`, { buffered: true }, async (t) => {
    const database = await testDatabase(t)
    const requests: (string | undefined)[] = []
    const server = createServer((request, response) => {
      requests.push(`${request.method} ${request.url}`)
      response.writeHead(status, headers).end(body)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => server.closeAllConnections())
    t.teardown(() => server.close())
    const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1`
    const { line, url } = await service(t, database.url, trattaSettings(database.url, apiUrl))
    const result = await line(({ event }) => String(event).startsWith('registration_'))
    t.match(result, { event: 'registration_rejected', level: 'error', message })
    t.same(await ready(url), { status: 'ready', registration: 'rejected' })
    t.match(await storedRow(database), { state: 'rejected', attempts: 1, last_error: message })
    t.same(requests, ['POST /api/v1/just-in-time'])
  })

t.test('a lost response: one more POST', { buffered: true }, async (t) => {
  const { database, simulator, env } = await started(t)
  await simulator.injectFaults({ kind: 'lost_response', times: 1 })
  const { line } = await service(t, database.url, env)
  await line(({ event }) => event === 'registered')
  t.same(simulator.jitUrls, [urlWith(SECRET), urlWith(SECRET)])
})

t.test(
  'a rejection: one log line, no retries; a new start and `register` register again',
  { buffered: true },
  async (t) => {
    const { database, simulator, env } = await started(t)
    const wrong = { ...env, TRATTA_API_TOKEN: 'wrong-token' }
    const replicas = await Promise.all([service(t, database.url, wrong), service(t, database.url, wrong)])
    for (const { line } of replicas)
      t.match(await line(({ event }) => event === 'registration_rejected'), {
        level: 'error',
        message: /does not accept the token \(401\): Unauthenticated\. Check TRATTA_API_TOKEN/,
      })
    for (const { url } of replicas) t.same(await ready(url), { status: 'ready', registration: 'rejected' })
    t.ok(simulator.requests.length <= 2, 'at most one POST of each replica')
    await proceed(database)
    const after = await service(t, database.url, env)
    await after.line(({ event }) => event === 'registered')
    t.same(simulator.jitUrls, [urlWith(SECRET)])
    await proceed(database)
    t.match(await run(t, ['register'], env), { code: 0 })
    t.same(simulator.jitUrls, [urlWith(SECRET), urlWith(SECRET)])
  },
)

t.test(
  'without the table of registrations: nothing is sent, the state is failed',
  { buffered: true },
  async (t) => {
    const { database, simulator, env } = await started(t)
    await database.query('drop table tratta_jit.registrations')
    const { line, url } = await service(t, database.url, env)
    t.match(await line(({ event }) => event === 'registration_failed'), {
      level: 'error',
      error: { code: '42P01' },
    })
    t.same(await ready(url), { status: 'ready', registration: 'failed' })
    t.same(simulator.requests, [])
  },
)

t.test('TRATTA_REGISTER=off, or a missing setting: no POST', { buffered: true }, async (t) => {
  const { database, simulator, env } = await started(t)
  const off = await service(t, database.url, { ...env, TRATTA_REGISTER: 'off' })
  t.same(await ready(off.url), { status: 'ready', registration: 'off' })
  const missing = await service(t, database.url, { ...env, PUBLIC_URL: '' })
  t.same(await ready(missing.url), { status: 'ready', registration: 'off' })
  t.same(simulator.requests, [])
})

t.test('SIGINT while Tratta does not respond: stops before the response', { buffered: true }, async (t) => {
  const { database, simulator, env } = await started(t)
  const RESPONSE_MS = 30_000
  await simulator.injectFaults({ kind: 'slow', ms: RESPONSE_MS })
  const { process: child, ended } = await service(t, database.url, env)
  while (simulator.requests.length === 0 && simulator.jitUrls.length === 0) await pause(20)
  const signaled = performance.now()
  child.kill('SIGINT')
  t.same(await ended, { code: 0, signal: null })
  // The timeout of the POST is 10 s, and SIGINT waits for it for one second.
  t.ok(performance.now() - signaled < 8000)
})

t.test('a rotation of the secret under constant calls: all are answered', { buffered: true }, async (t) => {
  const { database, simulator, env } = await started(t)
  await database.query(`insert into tratta_jit.debt_accounts (external_id, balance) values ('a', 1)`)
  const old = await service(t, database.url, env)
  await old.line(({ event }) => event === 'registered')
  await proceed(database)
  const oldUrl = (url: string) => `${url}/jit/${SECRET}?debt_account_external_id=a`

  const during = await service(t, database.url, {
    ...env,
    JIT_SECRET: NEW_SECRET,
    JIT_SECRET_PREVIOUS: SECRET,
  })
  const toOld = callAtRate(oldUrl(during.url), 50)
  const toNew = callAtRate(`${during.url}/jit/${NEW_SECRET}?debt_account_external_id=a`, 50)
  await during.line(({ event }) => event === 'registered')
  const atLeast = toOld.made.length + 50
  while (Math.min(toOld.made.length, toNew.made.length) < atLeast) await pause(20)
  for (const calls of [await toOld.stop(), await toNew.stop()]) t.same(tally(calls), { 200: calls.length })
  t.same(simulator.jitUrls, [urlWith(SECRET), urlWith(NEW_SECRET)])

  const after = await service(t, database.url, { ...env, JIT_SECRET: NEW_SECRET })
  t.equal((await fetch(oldUrl(after.url))).status, 404)
  t.equal(simulator.jitUrls.length, 2)
})
