/** A fixed number of concurrent calls: each connection sends the next call after the answer. Measures throughput. */
import { setTimeout as pause } from 'node:timers/promises'
import { Connection, giveUp, type Target } from './connection.ts'
import type { Tally } from './tally.ts'

interface Load {
  target: Target
  nextRequest: () => string
  connections: number
  warmUpMs: number
  measuredMs: number
}

const PAUSE_AFTER_FAILURE_MS = 10

/** @returns the milliseconds that were measured */
export async function closedLoop(load: Load, tally: Tally, measuring: () => void): Promise<number> {
  let counts = false
  let ended = false
  const call = (connection: Connection) => {
    const now = performance.now()
    connection.send(load.nextRequest(), now, now)
  }
  const done = (connection: Connection, outcome: number | string) => {
    if (counts) tally.count(outcome, performance.now() - connection.countsFrom)
    if (ended) return
    if (outcome === 200) call(connection)
    // Without this limit the loop would continue after the server ended.
    else setTimeout(() => ended || call(connection), PAUSE_AFTER_FAILURE_MS)
  }
  const connections = Array.from({ length: load.connections }, () => new Connection(load.target, done))
  const givingUp = giveUp(connections)
  try {
    for (const connection of connections) call(connection)
    await pause(load.warmUpMs)
    const begin = performance.now()
    counts = true
    measuring()
    await pause(load.measuredMs)
    counts = false
    return performance.now() - begin
  } finally {
    ended = true
    givingUp.stop()
    for (const connection of connections) connection.close()
  }
}
