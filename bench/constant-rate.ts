/**
 * Calls at a constant rate, each at a scheduled time. The latency counts from the scheduled time, even if the call
 * was sent later, so a stall of the server counts for every call that it delays.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { Connection, giveUp, type Target, TIMEOUT_MS } from './connection.ts'
import type { Tally } from './tally.ts'

interface Load {
  target: Target
  nextRequest: () => string
  /** Calls a second. */
  rate: number
  warmUpMs: number
  measuredMs: number
}

const MAX_CONNECTIONS = 256

/** @returns the milliseconds that were measured */
export async function constantRate(load: Load, tally: Tally, measuring: () => void): Promise<number> {
  const intervalMs = 1000 / load.rate
  const calls = Math.round((load.warmUpMs + load.measuredMs) / intervalMs)
  const begin = performance.now()
  const countsSince = begin + load.warmUpMs
  const connections: Connection[] = []
  const free: Connection[] = []
  let sent = 0
  let settled = 0
  let allSettled = () => {}
  let isMeasuring = false

  const done = (connection: Connection, outcome: number | string) => {
    const now = performance.now()
    if (connection.countsFrom >= countsSince) tally.count(outcome, now - connection.countsFrom)
    free.push(connection)
    if (++settled === calls) allSettled()
    // Later, because send() itself may have reported the failure.
    else if (typeof outcome === 'number') sendDue(now)
  }
  const sendDue = (now: number) => {
    while (sent < calls) {
      const moment = begin + sent * intervalMs
      if (moment > now) return
      if (moment >= countsSince && !isMeasuring) {
        isMeasuring = true
        measuring()
      }
      const connection = free.pop() ?? open()
      if (!connection) return
      sent++
      if (moment >= countsSince) tally.late(now - moment)
      connection.send(load.nextRequest(), moment, now)
    }
  }
  const open = () => {
    if (connections.length === MAX_CONNECTIONS) return undefined
    const connection = new Connection(load.target, done)
    connections.push(connection)
    return connection
  }

  const givingUp = giveUp(connections)
  const clock = setInterval(() => sendDue(performance.now()), 1)
  try {
    const settledAll = new Promise<void>((resolve) => {
      allSettled = resolve
    })
    await Promise.race([settledAll, pause(load.warmUpMs + load.measuredMs + TIMEOUT_MS, { ref: false })])
    const measured = performance.now() - countsSince
    for (; settled < calls; settled++) tally.count('no answer in 10 s', 0)
    return Math.max(measured, load.measuredMs)
  } finally {
    clearInterval(clock)
    givingUp.stop()
    for (const connection of connections) connection.close()
  }
}
