/**
 * What operators count. No label holds anything that comes from a request or from the data.
 *
 * A JIT call is a request that reached `GET /jit/{secret}`, whatever came of it, a wrong secret and a client
 * that disconnected included: each is counted once, by its outcome. Requests that match no route have a counter
 * of their own. Bytes that are not HTTP are in the log only.
 */
import type pg from 'pg'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Config } from '../config.ts'
import { VERSION } from '../version.ts'
import { UNMATCHED_JIT_ROUTE } from './app.ts'
import { CONNECTION_LIMITS, type ConnectionLimit } from './limit-connections.ts'
import type { BulkRequestState, OperationalStatus } from './operational-status.ts'
import { CALL_OUTCOMES, type Outcome } from './outcome.ts'

export interface Metrics {
  called(outcome: Outcome, seconds: number): void
  /** @param route as `routeOf` returns it for a request that no route matches */
  unmatched(route: string | null): void
  connectionRejected(limit: ConnectionLimit): void
  omitted(kind: string, count: number): void
  contentType: string
  /** The text that Prometheus reads. */
  text(seen: Seen): Promise<string>
}

/** What was seen for this one scrape. */
export interface Seen {
  ready: boolean
  registration: string
  /** What is written down in the database; undefined when that could not be read. */
  operationalStatus: OperationalStatus | undefined
}

const REGISTRATION_STATES = ['off', 'pending', 'registered', 'rejected']
const BULK_STATES: BulkRequestState[] = ['to_send', 'sending', 'unknown', 'sent', 'settled']

const OTHER_ROUTE = 'other'

/** Tratta gives up then ("Receive a JIT request"). */
const TRATTA_GIVES_UP_SECONDS = 10

/** Fine where calls usually end, and around the deadline, where the bounds of a lookup lie. In seconds. */
export function durationBuckets(deadlineMs: number): number[] {
  const usual = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2]
  const aroundDeadline = [0.5, 0.9, 1, 1.1].map((share) => Math.round(deadlineMs * share) / 1000)
  return [...new Set([...usual, ...aroundDeadline, TRATTA_GIVES_UP_SECONDS])].sort((a, b) => a - b)
}

export function createMetrics(pool: pg.Pool, { JIT_DEADLINE_MS }: Config): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const gauge = <Label extends string = never>(name: string, help: string, ...labelNames: Label[]) =>
    new Gauge({ name: `tratta_jit_${name}`, help, labelNames, registers })

  // Of the process: CPU, memory, open files, the delay of the event loop, garbage collection.
  collectDefaultMetrics({ register: registry })
  // Gauges by the name of a counter: promtool refuses them.
  for (const kind of ['resources', 'handles', 'requests'])
    registry.removeSingleMetric(`nodejs_active_${kind}_total`)

  const calls = new Counter({
    name: 'tratta_jit_calls_total',
    help: 'JIT calls by outcome',
    labelNames: ['outcome'],
    registers,
  })
  // From zero on, or the first of a kind would not be seen as an increase.
  for (const outcome of CALL_OUTCOMES) calls.inc({ outcome }, 0)
  const unmatched = new Counter({
    name: 'tratta_jit_unmatched_requests_total',
    help: 'Requests to PORT that match no route: below /jit (another method or number of segments), or other',
    labelNames: ['route'],
    registers,
  })
  for (const route of [UNMATCHED_JIT_ROUTE, OTHER_ROUTE]) unmatched.inc({ route }, 0)
  const connectionsRejected = new Counter({
    name: 'tratta_jit_connections_rejected_total',
    help: 'Connections to PORT without a correct secret that were closed, by the limit that was reached',
    labelNames: ['limit'],
    registers,
  })
  for (const limit of CONNECTION_LIMITS) connectionsRejected.inc({ limit }, 0)
  const duration = new Histogram({
    name: 'tratta_jit_call_duration_seconds',
    help: 'Time from the arrival of a JIT call to its answer',
    buckets: durationBuckets(JIT_DEADLINE_MS),
    registers,
  })
  const fieldsOmitted = new Counter({
    name: 'tratta_jit_fields_omitted_total',
    help: 'Optional fields that were not sent because Tratta would reject them',
    labelNames: ['field'],
    registers,
  })
  gauge('build_info', 'Always 1; which version runs, on which Node', 'version', 'node').set(
    { version: VERSION, node: process.versions.node },
    1,
  )
  gauge('deadline_seconds', 'JIT_DEADLINE_MS').set(JIT_DEADLINE_MS / 1000)

  const connections = gauge(
    'pool_connections',
    'Connections to Postgres by state, and calls that wait for one',
    'state',
  )
  const ready = gauge('ready', '1 when a call would be answered now')
  const statusRead = gauge(
    'operational_status_read',
    '1 when what is written down in the database could be read',
  )
  const registration = gauge(
    'registration_state',
    '1 for the state of the registration at Tratta as this process knows it',
    'state',
  )
  const registeredAt = gauge(
    'registered_timestamp_seconds',
    'When Tratta took the URL that this process answers; absent when another one, or none, is written down',
  )
  const bulkRunning = gauge('bulk_running', '1 while a bulk push runs')
  const bulkOpen = gauge('bulk_open', '1 when the last bulk push has something left to do')
  const bulkRequests = gauge('bulk_requests', 'Bulk requests by state', 'state')
  const bulkCustomers = gauge(
    'bulk_customers',
    'Customers in bulk requests, by state of the request',
    'state',
  )

  const show = ({ operationalStatus, ...seen }: Seen) => {
    connections.set({ state: 'total' }, pool.totalCount)
    connections.set({ state: 'idle' }, pool.idleCount)
    connections.set({ state: 'waiting' }, pool.waitingCount)
    ready.set(seen.ready ? 1 : 0)
    for (const state of REGISTRATION_STATES) registration.set({ state }, state === seen.registration ? 1 : 0)
    statusRead.set(operationalStatus ? 1 : 0)
    // What is not known now must not look as it did when it was last known.
    for (const shown of [registeredAt, bulkRunning, bulkOpen]) shown.remove()
    for (const shown of [bulkRequests, bulkCustomers]) shown.reset()
    if (!operationalStatus) return
    if (operationalStatus.registered_at !== null) registeredAt.set(operationalStatus.registered_at)
    bulkRunning.set(operationalStatus.bulk.running ? 1 : 0)
    bulkOpen.set(operationalStatus.bulk.open ? 1 : 0)
    for (const state of BULK_STATES) {
      const { requests, customers } = operationalStatus.bulk.by_state[state] ?? { requests: 0, customers: 0 }
      bulkRequests.set({ state }, requests)
      bulkCustomers.set({ state }, customers)
    }
  }
  return {
    called(outcome, seconds) {
      calls.inc({ outcome })
      duration.observe(seconds)
    },
    unmatched: (route) => unmatched.inc({ route: route ?? OTHER_ROUTE }),
    connectionRejected: (limit) => connectionsRejected.inc({ limit }),
    omitted: (field, count) => fieldsOmitted.inc({ field }, count),
    contentType: registry.contentType,
    async text(seen) {
      show(seen)
      return registry.metrics()
    },
  }
}
