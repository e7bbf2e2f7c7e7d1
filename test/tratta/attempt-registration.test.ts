/** One attempt of a registration, for each stored state. No test waits: the times are in the database. */
import t, { type Test } from 'tap'
import { readConfig } from '../../src/config.ts'
import { attemptRegistration, registrationPool } from '../../src/tratta/registration.ts'
import {
  readRegistration,
  storeAttempt,
  storeResult,
  withRegistrationLock,
} from '../../src/tratta/registration-store.ts'
import { testDatabase } from '../support/database.ts'
import { SECRET } from '../support/program.ts'
import { startSimulator } from '../support/simulator.ts'
import { trattaSettings } from './settings.ts'

const URL_PATH = `/jit/${SECRET}`

async function setUp(t: Test) {
  const database = await testDatabase(t)
  const { simulator } = await startSimulator(t)
  const configOf = (more: Record<string, string> = {}) =>
    readConfig(
      { ...trattaSettings(database.url, simulator.url), ...more },
      ...(['DATABASE_URL', 'JIT_SECRET', 'PUBLIC_URL', 'TRATTA_API_URL', 'TRATTA_API_TOKEN'] as const),
    )
  const config = configOf()
  const pool = registrationPool(config)
  t.teardown(() => pool.end())
  return {
    simulator,
    pool,
    config,
    configOf,
    attempt: (options = {}, of = config) => attemptRegistration(of, pool, options),
    stored: () => readRegistration(pool, simulator.url),
    /** The next attempt need not wait. */
    proceed: () => pool.query('update tratta_jit.registrations set next_attempt_at = now()'),
  }
}

t.test('the first attempt registers, and later ones send nothing', async (t) => {
  const { simulator, attempt, stored, proceed } = await setUp(t)
  t.equal(await stored(), undefined)
  t.strictSame(await attempt(), { state: 'registered', waitMs: 0 })
  const row = await stored()
  t.match(row, { state: 'registered', publicUrl: 'http://127.0.0.1:1', attempts: 1, lastError: null })
  t.ok(row!.registeredAt! >= row!.requestedAt)
  t.ok(row!.waitMs > 5000 && row!.waitMs <= 12_000, `${row!.waitMs} ms`)
  t.strictSame(await attempt(), { state: 'registered', waitMs: 0 })
  await proceed()
  t.strictSame(await attempt(), { state: 'registered', waitMs: 0 })
  t.equal(simulator.requests.length, 1)
})

t.test('`force` registers again, after the wait', async (t) => {
  const { simulator, attempt, stored, proceed } = await setUp(t)
  await attempt()
  const waiting = await attempt({ force: true })
  t.equal(waiting.state, 'pending')
  t.ok(waiting.waitMs > 5000 && waiting.waitMs <= 12_500, `${waiting.waitMs} ms`)
  t.equal(simulator.requests.length, 1)
  await proceed()
  t.strictSame(await attempt({ force: true }), { state: 'registered', waitMs: 0 })
  t.equal(simulator.requests.length, 2)
  t.match(await stored(), { state: 'registered', attempts: 2 })
})

t.test('a server error: failed, with a wait that grows up to 16 s', async (t) => {
  const { simulator, attempt, stored, proceed } = await setUp(t)
  await simulator.injectFaults({ kind: 'status', status: 500 })
  for (const [attempts, minMs, maxMs] of [
    [1, 6000, 12_000],
    [2, 8000, 16_000],
    [3, 8000, 16_000],
  ] as const) {
    const { state, waitMs, message, error } = await attempt()
    t.match({ state, message }, { state: 'pending', message: /Tratta returned a server error \(500\)/ })
    t.equal(error?.message, message)
    t.ok(waitMs >= minMs && waitMs < maxMs, `${waitMs} ms`)
    const row = await stored()
    t.match(row, { state: 'failed', attempts, lastError: message, registeredAt: null })
    t.ok(Math.abs(row!.waitMs - waitMs) < 3000, 'the database has the same wait')
    const next = await attempt()
    t.match(next, { state: 'pending', message: undefined })
    t.ok(next.waitMs > 0 && next.waitMs <= waitMs + 500)
    t.equal(simulator.requests.length, attempts, 'nothing is sent before the wait is over')
    await proceed()
  }
})

t.test('429 with Retry-After: the wait is at least that long, and one POST is sent', async (t) => {
  const { simulator, attempt, stored } = await setUp(t)
  await simulator.injectFaults({ kind: 'status', status: 429, retryAfter: 40 })
  const { state, waitMs } = await attempt()
  t.same([state, waitMs], ['pending', 40_000])
  t.match(await stored(), { state: 'failed' })
  t.equal(simulator.requests.length, 1)
})

t.test('a rejection, a redirect and a page of HTML: rejected until the next start', async (t) => {
  for (const fault of [
    { kind: 'status', status: 422 },
    { kind: 'status', status: 302 },
    { kind: 'html' },
  ] as const) {
    const { simulator, attempt, stored, proceed } = await setUp(t)
    const since = new Date(Date.now() - 60_000)
    await simulator.injectFaults(fault)
    const { state, message } = await attempt({ since })
    t.equal(state, 'rejected')
    t.match(await stored(), { state: 'rejected', lastError: message, registeredAt: null })
    await proceed()
    t.strictSame(await attempt({ since }), { state: 'rejected', waitMs: 0, message }, 'of this start')
    t.equal(simulator.requests.length, 1)
    await simulator.injectFaults()
    t.strictSame(await attempt({ since: new Date(Date.now() + 60_000) }), { state: 'registered', waitMs: 0 })
    t.equal(simulator.requests.length, 2)
  }
})

t.test('another URL or secret: a new registration, whose attempts start at 1', async (t) => {
  const { simulator, attempt, stored, proceed, configOf } = await setUp(t)
  await attempt()
  await proceed()
  await attempt({}, configOf({ PUBLIC_URL: 'http://127.0.0.1:2' }))
  t.match(await stored(), { publicUrl: 'http://127.0.0.1:2', attempts: 1 })
  await proceed()
  const other = 'another-secret-for-the-rotation-0123456789'
  await attempt({}, configOf({ JIT_SECRET: other }))
  t.match(await stored(), { publicUrl: 'http://127.0.0.1:1', attempts: 1, state: 'registered' })
  t.same(simulator.jitUrls, [
    `http://127.0.0.1:1${URL_PATH}`,
    `http://127.0.0.1:2${URL_PATH}`,
    `http://127.0.0.1:1/jit/${other}`,
  ])
})

t.test('an attempt without a stored result: the next one waits, then sends the POST again', async (t) => {
  const { simulator, pool, attempt, stored, proceed } = await setUp(t)
  await attempt()
  const { urlDigest } = (await stored())!
  await storeAttempt(pool, {
    apiUrl: simulator.url,
    urlDigest,
    publicUrl: 'http://127.0.0.1:1',
    attempts: 4,
    maybeAccepted: false,
    waitMs: 9000,
  })
  t.match(await stored(), { state: 'in_flight', attempts: 4, registeredAt: null, lastError: null })
  t.match(await attempt(), { state: 'pending' })
  await proceed()
  t.match(await attempt(), { state: 'registered' })
  t.match(await stored(), { attempts: 5 })
  await storeResult(pool, simulator.url, {
    state: 'failed',
    maybeAccepted: true,
    lastError: 'x',
    waitMs: -1000,
  })
  const row = await stored()
  t.match(row, { state: 'failed', lastError: 'x', registeredAt: null })
  t.ok(row!.waitMs < 0)
})

t.test('an aborted signal: nothing is stored and nothing is sent', async (t) => {
  const { simulator, attempt, stored } = await setUp(t)
  await t.rejects(attempt({ signal: AbortSignal.abort(new Error('stopping')) }), { message: 'stopping' })
  t.equal(await stored(), undefined)
  t.same(simulator.requests, [])
})

t.test('while another program holds the lock: pending, and nothing is sent', async (t) => {
  const { simulator, config, pool, attempt } = await setUp(t)
  const other = registrationPool(config)
  t.teardown(() => other.end())
  const order: string[] = []
  const result = await withRegistrationLock(other, async () => {
    t.strictSame(await attempt(), { state: 'pending', waitMs: 500 })
    order.push('held')
    return 'done'
  })
  t.same([result, order, simulator.requests], ['done', ['held'], []])
  await t.rejects(
    withRegistrationLock(other, () => Promise.reject(new Error('failed'))),
    { message: 'failed' },
  )
  t.match(await attempt(), { state: 'registered' }, 'the lock is released')
  const ended = await withRegistrationLock(other, async () => {
    await pool.query(
      "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and pid <> pg_backend_pid() and database = (select oid from pg_database where datname = current_database())",
    )
    return 'done'
  })
  t.same([ended, other.totalCount], ['done', 0], 'a broken connection is destroyed')
  t.equal(pool.totalCount - pool.idleCount, 0, 'every connection is released')
})
