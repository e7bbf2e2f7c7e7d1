/** Clients that begin a request and never end it; then clients that open connections and send nothing. */
import { fork } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { percentile } from '../test/support/calls.ts'
import type { SlowClients } from './be-slow.ts'
import type { Drill, Scene } from './drill.ts'
import { allAnswered, countedExactly } from './expectations.ts'
import { startReplica } from './replica.ts'
import { startCalls, startDatabase } from './stage.ts'

const CLIENTS = 1000
/** More than the service keeps open for one address, so that each new connection closes another. */
const IDLE_CLIENTS = 3000
const CALLS_A_SECOND = 200
const P99_MS = 100
/** Still less than the second that a connection waits which found no place to wait. */
const SHORT_P99_MS = 800

export const slowClients: Drill = {
  does: `${CLIENTS} clients that dribble a header, stop within the first line or say nothing, again and again; then ${IDLE_CLIENTS} idle connections`,
  async run(scene) {
    const postgres = await startDatabase(scene)
    const replica = await startReplica(scene, postgres)
    const calling = startCalls(scene, replica.jit, CALLS_A_SECOND)
    await pause(3000)
    const alone = [...calling.made]
    const slow = startClients(scene, replica.port, CLIENTS, 0)
    while (slow.open() < CLIENTS) await pause(20)
    const begun = performance.now()
    await pause(scene.short ? 8000 : 30_000)
    const stillOpen = slow.open()
    slow.end()
    const idle = startClients(scene, replica.port, 0, IDLE_CLIENTS)
    while (idle.idleClosed() === 0) await pause(20)
    await pause(scene.short ? 3000 : 15_000)
    const beside = calling.made.filter(({ at }) => at > begun)
    const calls = await calling.stop()
    const counted = await countedExactly(replica, calls)
    const [p99, p99Alone] = [percentile(beside, 0.99), percentile(alone, 0.99)]
    // On a busy machine calls are slow without them too.
    const bound = Math.max(scene.short ? SHORT_P99_MS : P99_MS, 5 * p99Alone)
    return {
      calls,
      expectations: [
        allAnswered(scene, calls),
        {
          what: `p99 of the good calls under ${Math.round(bound)} ms: ${p99.toFixed(1)} ms, ${p99Alone.toFixed(1)} ms before`,
          holds: p99 < bound,
        },
        { what: `as many as ${CLIENTS} held on: ${stillOpen} at the end`, holds: stillOpen > 0.9 * CLIENTS },
        {
          what: `the service hung up on each after some seconds, ${slow.cut()} times`,
          holds: slow.cut() >= CLIENTS,
        },
        {
          what: `idle connections beyond the limit were closed: ${idle.idleClosed()}`,
          holds: idle.idleClosed() >= IDLE_CLIENTS / 2,
        },
        counted,
      ],
    }
  },
}

/** In a process of their own, so that they do not slow the caller down. */
function startClients(scene: Scene, port: number, slow: number, idle: number) {
  const child = fork(join(import.meta.dirname, 'be-slow.ts'), [port, slow, idle].map(String))
  scene.closing(() => child.kill('SIGKILL'))
  let seen: SlowClients = { open: 0, cut: 0, idleClosed: 0 }
  child.on('message', (message: SlowClients) => {
    seen = message
  })
  return {
    open: () => seen.open,
    cut: () => seen.cut,
    idleClosed: () => seen.idleClosed,
    end: () => child.kill('SIGKILL'),
  }
}
