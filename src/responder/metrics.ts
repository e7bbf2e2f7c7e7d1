/** What operators count. No label holds anything that comes from a request or from the data. */

import type pg from 'pg'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Outcome } from './outcome.ts'

export interface Metrics {
  /** The text that Prometheus reads. */
  registry: Registry
  called(outcome: Outcome, seconds: number): void
  leftOut(kind: string): void
}

export function createMetrics(pool: pg.Pool): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const calls = new Counter({
    name: 'tratta_jit_calls_total',
    help: 'JIT calls by outcome',
    labelNames: ['outcome'],
    registers,
  })
  const duration = new Histogram({
    name: 'tratta_jit_call_duration_seconds',
    help: 'Time from the arrival of a JIT call to its answer',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  })
  const fieldsLeftOut = new Counter({
    name: 'tratta_jit_fields_left_out_total',
    help: 'Optional fields that were not sent because Tratta would refuse them',
    labelNames: ['field'],
    registers,
  })
  new Gauge({
    name: 'tratta_jit_pool_connections',
    help: 'Connections to Postgres by state, and calls that wait for one',
    labelNames: ['state'],
    registers,
    collect() {
      this.set({ state: 'total' }, pool.totalCount)
      this.set({ state: 'idle' }, pool.idleCount)
      this.set({ state: 'waiting' }, pool.waitingCount)
    },
  })
  return {
    registry,
    called(outcome, seconds) {
      calls.inc({ outcome })
      duration.observe(seconds)
    },
    leftOut: (field) => fieldsLeftOut.inc({ field }),
  }
}
