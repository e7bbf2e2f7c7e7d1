/** Signals during the start of `serve`: it ends soon, and registers nothing afterwards. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import t, { type Test } from 'tap'
import { testDatabase } from './support/database.ts'
import { program, SECRET } from './support/program.ts'
import { startSimulator } from './support/simulator.ts'
import { trattaSettings } from './tratta/settings.ts'

// Each test has a database of its own, and waits most of the time.
t.jobs = 3

const ports = { HOST: '127.0.0.1', PORT: '0', ADMIN_PORT: '0' }
const settings = (databaseUrl: string) => ({ DATABASE_URL: databaseUrl, JIT_SECRET: SECRET, ...ports })

/** The program needs two seconds; the rest is for a busy machine. */
async function endsSoon(t: Test, running: ReturnType<typeof program>, signal: NodeJS.Signals) {
  const sent = performance.now()
  running.process.kill(signal)
  t.same(await running.ended, { code: 0, signal: null })
  t.ok(performance.now() - sent < 15_000, `ended after ${Math.round(performance.now() - sent)} ms`)
  t.same(
    running
      .lines()
      .flatMap(({ event }) => (['stopping', 'stopped', 'serving'].includes(String(event)) ? event : [])),
    ['stopping', 'stopped'],
  )
  t.equal(running.stderr(), '')
}

for (const signal of ['SIGTERM', 'SIGINT'] as const)
  t.test(`${signal} while the database is unavailable ends serve`, { buffered: true }, async (t) => {
    const running = program(t, ['serve'], settings('postgres://127.0.0.1:1/none'))
    await running.line(({ event }) => event === 'waiting_for_database')
    await endsSoon(t, running, signal)
  })

t.test(
  'SIGTERM while the database accepts connections and never answers ends serve',
  { buffered: true },
  async (t) => {
    const sockets = new Set<Socket>()
    const server = createServer((socket) => sockets.add(socket.on('error', () => {}))).listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    const connected = once(server, 'connection')
    const running = program(
      t,
      ['serve'],
      settings(`postgres://127.0.0.1:${(server.address() as AddressInfo).port}/none`),
    )
    await connected
    await endsSoon(t, running, 'SIGTERM')
  },
)

t.test(
  'SIGTERM while a migration waits for a lock ends serve, and the migration is not applied',
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    await database.query(`delete from tratta_jit.kysely_migration where name like '0003%'`)
    const holder = new pg.Client(database.url)
    await holder.connect()
    await holder.query('begin; lock table tratta_jit.kysely_migration_lock in access exclusive mode')
    const { simulator } = await startSimulator(t)
    const running = program(t, ['serve'], { ...trattaSettings(database.url, simulator.url), ...ports })
    const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
    while ((await database.query(waiting)).length === 0);
    await endsSoon(t, running, 'SIGTERM')
    await holder.end()
    t.same(simulator.jitUrls, [])
    t.same(await database.query(`select from tratta_jit.kysely_migration where name like '0003%'`), [])
  },
)

t.test(
  'SIGINT while a registration waits for the lock: nothing is registered',
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    const { simulator } = await startSimulator(t)
    // The registration lock.
    const holder = new pg.Client(database.url)
    await holder.connect()
    await holder.query("begin; select pg_advisory_xact_lock(hashtextextended('tratta_jit.registrations', 0))")
    const running = program(t, ['serve'], { ...trattaSettings(database.url, simulator.url), ...ports })
    await running.line(({ event }) => event === 'serving')
    running.process.kill('SIGINT')
    await running.line(({ event }) => event === 'stopping')
    await holder.end()
    t.same(await running.ended, { code: 0, signal: null })
    t.same(simulator.requests, [])
    t.same(await database.query(`select state from tratta_jit.registrations`), [])
  },
)

t.test(
  'SIGTERM while Tratta takes 30 s to answer a registration: serve ends within its limit, and the result stays unknown',
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    const { simulator } = await startSimulator(t)
    await simulator.injectFaults({ kind: 'slow', ms: 30_000 })
    const env = { ...trattaSettings(database.url, simulator.url), ...ports, JIT_DEADLINE_MS: '1000' }
    const running = program(t, ['serve'], env)
    while (simulator.jitUrls.length === 0) await pause(20)
    const sent = performance.now()
    running.process.kill('SIGTERM')
    t.same(await running.ended, { code: 0, signal: null })
    const seconds = (performance.now() - sent) / 1000
    // docs/operating.md: 3 s of announcement, JIT_DEADLINE_MS, and 1 s. The rest is for a busy machine. The POST has a
    // timeout of 10 s, and the answer takes 30 s.
    t.ok(seconds < 9, `ended after ${seconds} s`)
    t.equal(running.stderr(), '')
    t.match(await database.query('select state, registered_at, last_error from tratta_jit.registrations'), [
      { state: 'in_flight', registered_at: null, last_error: null },
    ])

    await t.test('the next start registers again', async (t) => {
      await simulator.injectFaults()
      await database.query('update tratta_jit.registrations set next_attempt_at = now()')
      const next = program(t, ['serve'], env)
      await next.line(({ event }) => event === 'registered')
      t.equal(simulator.jitUrls.length, 2)
    })
  },
)
