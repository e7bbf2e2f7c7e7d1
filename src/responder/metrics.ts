/**
 * The metrics for operators. No label contains a value from a request or from the data.
 *
 * A JIT call is a request that reached `GET /jit/{secret}`, including one with a wrong secret and one whose
 * client disconnected. Each call is counted once, by its outcome. Requests that match no route have a
 * separate counter. Requests that are not valid HTTP are in the log only.
 */
import type pg from 'pg'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { RequestState } from '../bulk/requests.ts'
import type { Config } from '../config.ts'
import { REFUSALS, type Refusal } from '../console/refusal.ts'
import { REPLICA_USES, type ReplicaUse } from '../database/find-on-replica.ts'
import { REGISTRATION_STATES, type RegistrationState } from '../tratta/register-in-background.ts'
import { VERSION } from '../version.ts'
import { CANARY_RESULTS, type CanaryResult } from './canary.ts'
import { CONNECTION_LIMITS, type ConnectionLimit } from './limit-connections.ts'
import { UNMATCHED_JIT_ROUTE } from './log-request.ts'
import type { OperationalStatus } from './operational-status.ts'
import { CALL_OUTCOMES, type Outcome } from './problem.ts'

export interface Metrics {
  called(outcome: Outcome, seconds: number): void
  /** @param route as `routeOf` returns it for a request that no route matches */
  unmatched(route: string | null): void
  connectionRejected(limit: ConnectionLimit): void
  certificateExpires(date: Date): void
  consoleRefused(reason: Refusal): void
  canaryCalled(result: CanaryResult): void
  replicaUsed(use: ReplicaUse): void
  omitted(kind: string, count: number): void
  callLogDropped(count: number): void
  contentType: string
  /** Returns the metrics in the text format of Prometheus. */
  text(snapshot: MetricsSnapshot): Promise<string>
}

/** The state at the time of one scrape. */
interface MetricsSnapshot {
  ready: boolean
  registration: RegistrationState
  /** The operational status in the database; undefined when it could not be read. */
  operationalStatus: OperationalStatus | undefined
}

const BULK_STATES: RequestState[] = ['to_send', 'sending', 'unknown', 'sent', 'settled']

const NO_REQUESTS = { requests: 0, customers: 0 }

const OTHER_ROUTE = 'other'

/** Tratta's own timeout ("Receive a JIT request"). */
const TRATTA_TIMEOUT_SECONDS = 10

/** In seconds. Fine where calls usually end, and around the deadline. */
function durationBuckets(deadlineMs: number): number[] {
  const usual = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2]
  const aroundDeadline = [0.5, 0.9, 1, 1.1].map((share) => Math.round(deadlineMs * share) / 1000)
  return [...new Set([...usual, ...aroundDeadline, TRATTA_TIMEOUT_SECONDS])].sort((a, b) => a - b)
}

export function createMetrics(pool: pg.Pool, { JIT_DEADLINE_MS }: Config): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const gauge = <Label extends string = never>(name: string, help: string, ...labelNames: Label[]) =>
    new Gauge({ name: `tratta_jit_${name}`, help, labelNames, registers })

  // Process metrics: CPU, memory, open files, event loop delay, garbage collection.
  collectDefaultMetrics({ register: registry })
  // These are gauges with the name of a counter, which promtool rejects.
  for (const kind of ['resources', 'handles', 'requests'])
    registry.removeSingleMetric(`nodejs_active_${kind}_total`)

  // Starts each label at zero. Otherwise Prometheus does not count the first call of an outcome as an increase.
  const counter = <Label extends string>(
    name: string,
    help: string,
    label: Label,
    values: readonly string[],
  ) => {
    const counter = new Counter({ name: `tratta_jit_${name}_total`, help, labelNames: [label], registers })
    for (const value of values) counter.inc({ [label]: value } as Record<Label, string>, 0)
    return counter
  }
  const calls = counter('calls', 'JIT calls by outcome', 'outcome', CALL_OUTCOMES)
  const unmatched = counter(
    'unmatched_requests',
    'Requests to PORT that match no route: below /jit (another method or number of segments), or other',
    'route',
    [UNMATCHED_JIT_ROUTE, OTHER_ROUTE],
  )
  const connectionsRejected = counter(
    'connections_rejected',
    'Connections to PORT without a correct secret that were closed, by the limit that was reached',
    'limit',
    CONNECTION_LIMITS,
  )
  const consoleRefused = counter('console_refused', 'Refused requests to the console', 'reason', REFUSALS)
  const replicaHelp = 'Calls for which the connection to the primary failed, by what the replica did'
  const replicaCalls = counter('replica_calls', replicaHelp, 'use', REPLICA_USES)
  const canaryHelp = 'Synthetic calls for JIT_CANARY_ACCOUNT, which are not in tratta_jit_calls_total'
  const canaryCalls = counter('canary_calls', canaryHelp, 'result', CANARY_RESULTS)
  const duration = new Histogram({
    name: 'tratta_jit_call_duration_seconds',
    help: 'Seconds from the arrival of a JIT call to its response',
    buckets: durationBuckets(JIT_DEADLINE_MS),
    registers,
  })
  const fieldsOmitted = counter(
    'fields_omitted',
    'Optional fields that were not sent because Tratta would reject them',
    'field',
    [],
  )
  const callLogDropped = new Counter({
    name: 'tratta_jit_call_log_dropped_total',
    help: 'Calls that were answered and are not in the call log, because Postgres did not store them in time',
    registers,
  })
  gauge(
    'build_info',
    'Always 1; the labels are the version of the program and of Node',
    'version',
    'node',
  ).set({ version: VERSION, node: process.versions.node }, 1)
  gauge('deadline_seconds', 'JIT_DEADLINE_MS').set(JIT_DEADLINE_MS / 1000)

  const certificateExpires = gauge(
    'certificate_expires_timestamp_seconds',
    'Unix time at which the certificate of TLS_CERT_FILE expires; absent without TLS_CERT_FILE',
  )
  certificateExpires.remove()
  const connections = gauge(
    'pool_connections',
    'Connections to Postgres by state; waiting counts the calls that wait for a connection',
    'state',
  )
  const ready = gauge('ready', '1 when the service is ready to answer calls')
  const statusRead = gauge(
    'operational_status_read',
    '1 when the operational status could be read from the database',
  )
  const registration = gauge(
    'registration_state',
    '1 for the current state of the registration at Tratta, as reported by this process',
    'state',
  )
  const registeredAt = gauge(
    'registered_timestamp_seconds',
    'Unix time at which Tratta accepted the URL of this process; absent when the database has another URL or none',
  )
  const bulkRunning = gauge('bulk_running', '1 while a bulk push is running')
  const bulkOpen = gauge('bulk_open', '1 when the last bulk push is not complete')
  const bulkRequests = gauge('bulk_requests', 'Bulk requests by state', 'state')
  const bulkCustomers = gauge('bulk_customers', 'Customers in bulk requests by state of the request', 'state')

  const update = ({ operationalStatus, ...snapshot }: MetricsSnapshot) => {
    connections.set({ state: 'total' }, pool.totalCount)
    connections.set({ state: 'idle' }, pool.idleCount)
    connections.set({ state: 'waiting' }, pool.waitingCount)
    ready.set(snapshot.ready ? 1 : 0)
    for (const state of REGISTRATION_STATES)
      registration.set({ state }, state === snapshot.registration ? 1 : 0)
    statusRead.set(operationalStatus ? 1 : 0)
    // An unknown state must not keep the value of the last known state.
    for (const stale of [registeredAt, bulkRunning, bulkOpen]) stale.remove()
    for (const stale of [bulkRequests, bulkCustomers]) stale.reset()
    if (!operationalStatus) return
    if (operationalStatus.registered_at !== null) registeredAt.set(operationalStatus.registered_at)
    bulkRunning.set(operationalStatus.bulk.running ? 1 : 0)
    bulkOpen.set(operationalStatus.bulk.open ? 1 : 0)
    for (const state of BULK_STATES) {
      const { requests, customers } = operationalStatus.bulk.by_state[state] ?? NO_REQUESTS
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
    consoleRefused: (reason) => consoleRefused.inc({ reason }),
    connectionRejected: (limit) => connectionsRejected.inc({ limit }),
    certificateExpires: (date) => certificateExpires.set(date.getTime() / 1000),
    canaryCalled: (result) => canaryCalls.inc({ result }),
    replicaUsed: (use) => replicaCalls.inc({ use }),
    omitted: (field, count) => fieldsOmitted.inc({ field }, count),
    callLogDropped: (count) => callLogDropped.inc(count),
    contentType: registry.contentType,
    async text(snapshot) {
      update(snapshot)
      return registry.metrics()
    },
  }
}
