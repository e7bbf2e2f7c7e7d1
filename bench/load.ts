/**
 * The process that sends the calls: one for all servers, so that it is equally warm for each of them. Receives a
 * Measurement by message and returns a Measured.
 */
import type { RecordableHistogram } from 'node:perf_hooks'
import { closedLoop } from './closed-loop.ts'
import { constantRate } from './constant-rate.ts'
import { externalIdOf } from './data-set.ts'
import { createLatencies, type Latency, latencyOf, Tally } from './tally.ts'

export interface Measurement {
  server: string
  /** The id of an account is appended to this http URL. */
  url: string
  /** Random ids are from account 1 to this one. */
  accounts: number
  /** The same seed gives the same ids. */
  seed: number
  warmUpSeconds: number
  /** 0 measures nothing. */
  seconds: number
  connections: number
  /** Calls per second at fixed times, on as many connections as needed. */
  rate: number | undefined
}

export interface Measured {
  callsPerSecond: number
  failures: Record<string, number>
  /** Of this measurement; undefined when no call was answered. */
  latency: Latency | undefined
  /** Of all measurements of this server so far. */
  latencyOfAll: Latency | undefined
  /** How late the calls were sent, at a constant rate. */
  lateness: Latency | undefined
  /** The CPU use of this process, in cores. */
  cores: number
}

const latenciesOf = new Map<string, RecordableHistogram>()

async function measure(measurement: Measurement): Promise<Measured> {
  const { server, rate, connections } = measurement
  const url = new URL(measurement.url)
  const path = measurement.url.slice(url.origin.length)
  const nextRandom = random(measurement.seed)
  const load = {
    target: { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 80) },
    nextRequest() {
      const id = externalIdOf(1 + Math.floor(nextRandom() * measurement.accounts))
      return `GET ${path}${id} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`
    },
    warmUpMs: measurement.warmUpSeconds * 1000,
    measuredMs: measurement.seconds * 1000,
  }
  const tally = new Tally()
  let cpuBefore = process.cpuUsage()
  const measuring = () => {
    cpuBefore = process.cpuUsage()
  }
  const ms =
    rate === undefined
      ? await closedLoop({ ...load, connections }, tally, measuring)
      : await constantRate({ ...load, rate }, tally, measuring)
  const cpu = process.cpuUsage(cpuBefore)

  const all = latenciesOf.get(server) ?? createLatencies()
  latenciesOf.set(server, all)
  all.add(tally.latencies)
  return {
    callsPerSecond: (tally.answered * 1000) / ms,
    failures: tally.failures,
    latency: latencyOf(tally.latencies),
    latencyOfAll: latencyOf(all),
    lateness: latencyOf(tally.lateness),
    cores: (cpu.user + cpu.system) / 1000 / ms,
  }
}

/** mulberry32: from 0 to below 1. */
function random(seed: number) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

if (process.send) {
  process.on('message', async (measurement: Measurement) => process.send?.(await measure(measurement)))
  process.on('disconnect', () => process.exit())
  // Ctrl-C reaches the whole process group. The benchmark ends this process.
  process.on('SIGINT', () => {})
}
