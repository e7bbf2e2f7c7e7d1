/** Clients that start a request and never complete it, then clients that open connections and send nothing. */
import { fork } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { percentile } from '../test/support/calls.ts'
import type { Drill, DrillContext } from './drill.ts'
import { allAnswered, countedExactly } from './expectations.ts'
import { startReplica } from './replica.ts'
import { startCalls, startDatabase } from './setup.ts'
import type { SlowClients } from './slow-client-process.ts'

const CLIENTS = 1000
/** More than the service accepts from one address, so that each new connection closes another. */
const IDLE_CLIENTS = 3000
const CALLS_PER_SECOND = 200
const MAX_P99_MS = 100
/** Less than the second after which the client of a full listen backlog retries. */
const SHORT_MAX_P99_MS = 800

export const slowClients: Drill = {
  description: `${CLIENTS} clients that send a header slowly, stop within the first line or send nothing, repeatedly; then ${IDLE_CLIENTS} idle connections`,
  async run(context) {
    const postgres = await startDatabase(context)
    const replica = await startReplica(context, postgres)
    const calling = startCalls(context, replica.jitUrl, CALLS_PER_SECOND)
    await pause(3000)
    const before = [...calling.made]
    const slow = startClients(context, replica.port, CLIENTS, 0)
    while (slow.open() < CLIENTS) await pause(20)
    const begun = performance.now()
    await pause(context.short ? 8000 : 30_000)
    const stillOpen = slow.open()
    slow.end()
    const idle = startClients(context, replica.port, 0, IDLE_CLIENTS)
    while (idle.idleClosed() === 0) await pause(20)
    await pause(context.short ? 3000 : 15_000)
    const during = calling.made.filter(({ at }) => at > begun)
    const calls = await calling.stop()
    const counted = await countedExactly(replica, calls)
    const [p99, p99Before] = [percentile(during, 0.99), percentile(before, 0.99)]
    // On a busy machine calls are slow even without these clients.
    const max = Math.max(context.short ? SHORT_MAX_P99_MS : MAX_P99_MS, 5 * p99Before)
    return {
      calls,
      expectations: [
        allAnswered(context, calls),
        {
          text: `p99 of the valid calls under ${Math.round(max)} ms: ${p99.toFixed(1)} ms, ${p99Before.toFixed(1)} ms before`,
          isMet: p99 < max,
        },
        {
          text: `nearly ${CLIENTS} slow connections are open: ${stillOpen} at the end`,
          isMet: stillOpen > 0.9 * CLIENTS,
        },
        {
          text: `each slow client was disconnected: ${slow.disconnected()} times`,
          isMet: slow.disconnected() >= CLIENTS,
        },
        {
          text: `idle connections beyond the limit were closed: ${idle.idleClosed()}`,
          isMet: idle.idleClosed() >= IDLE_CLIENTS / 2,
        },
        counted,
      ],
    }
  },
}

/** Starts a separate process, so that the slow clients do not delay the caller. */
function startClients(context: DrillContext, port: number, slow: number, idle: number) {
  const child = fork(join(import.meta.dirname, 'slow-client-process.ts'), [port, slow, idle].map(String))
  context.onEnd(() => child.kill('SIGKILL'))
  let seen: SlowClients = { open: 0, disconnected: 0, idleClosed: 0 }
  child.on('message', (message: SlowClients) => {
    seen = message
  })
  return {
    open: () => seen.open,
    disconnected: () => seen.disconnected,
    idleClosed: () => seen.idleClosed,
    end: () => child.kill('SIGKILL'),
  }
}
