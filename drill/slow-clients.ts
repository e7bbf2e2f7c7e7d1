/** A thousand clients that begin a request and never end it. */
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { percentile } from '../test/calls.ts'
import type { Drill, Scene } from './drill.ts'
import { allAnswered, countedExactly } from './expectations.ts'
import { startReplica } from './replica.ts'
import { startCalls, startDatabase } from './stage.ts'

const CLIENTS = 1000
const CALLS_A_SECOND = 200
const P99_MS = 100

/** What each begins with; the first kind goes on with a byte a second. */
const BEGINNINGS = ['GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: ', 'GET /jit/', '']

export const slowClients: Drill = {
  does: `${CLIENTS} clients that dribble a header, stop within the first line or say nothing, again and again`,
  async run(scene) {
    const postgres = await startDatabase(scene)
    const replica = await startReplica(scene, postgres)
    const calling = startCalls(scene, replica.jit, CALLS_A_SECOND)
    await pause(3000)
    const alone = [...calling.made]
    const slow = beSlow(scene, replica.port)
    while (slow.open() < CLIENTS) await pause(20)
    const begun = performance.now()
    await pause(scene.short ? 8000 : 30_000)
    const stillOpen = slow.open()
    const beside = calling.made.filter(({ at }) => at > begun)
    const calls = await calling.stop()
    const counted = await countedExactly(replica, calls)
    slow.stop()
    const [p99, p99Alone] = [percentile(beside, 0.99), percentile(alone, 0.99)]
    // On a busy machine calls are slow without them too.
    const bound = Math.max(P99_MS, 5 * p99Alone)
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
        counted,
      ],
    }
  },
}

function beSlow(scene: Scene, port: number) {
  const sockets = new Set<Socket>()
  const dribbling = new Set<Socket>()
  let cut = 0
  let stopped = false
  const begin = (kind: number) => {
    const socket = connect(port, '127.0.0.1', () => {
      sockets.add(socket)
      if (kind === 0) dribbling.add(socket)
      socket.write(BEGINNINGS[kind]!)
    })
    socket.on('error', () => {})
    socket.on('data', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      dribbling.delete(socket)
      if (stopped) return
      cut += 1
      begin(kind)
    })
  }
  for (let client = 0; client < CLIENTS; client++) begin(client % BEGINNINGS.length)
  const timer = setInterval(() => {
    for (const socket of dribbling) socket.write('x')
  }, 1000)
  const stop = () => {
    stopped = true
    clearInterval(timer)
    for (const socket of sockets) socket.destroy()
  }
  scene.closing(stop)
  return { open: () => sockets.size, cut: () => cut, stop }
}
