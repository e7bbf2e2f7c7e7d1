/** Counts the results and latencies of calls. */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'

const MAX_MICROSECONDS = 60_000_000

/** In milliseconds, exact to three digits. */
export interface Latency {
  p50: number
  p99: number
  p999: number
  max: number
}

export class Tally {
  answered = 0
  /** Calls that were not answered with 2xx, by status or error. */
  readonly failures: Record<string, number> = {}
  readonly latencies = createLatencies()
  /** The delay before a call was sent, with a constant rate. */
  readonly lateness = createLatencies()

  /**
   * @param outcome the HTTP status, or an error message
   * @param milliseconds since the scheduled time of the call
   */
  count(outcome: number | string, milliseconds: number) {
    if (typeof outcome === 'number' && outcome >= 200 && outcome < 300) {
      this.answered++
      record(this.latencies, milliseconds)
    } else {
      const what = typeof outcome === 'number' ? `HTTP ${outcome}` : outcome
      this.failures[what] = (this.failures[what] ?? 0) + 1
    }
  }

  late(milliseconds: number) {
    record(this.lateness, milliseconds)
  }
}

/** An HDR histogram of microseconds. */
export const createLatencies = () => createHistogram({ lowest: 1, highest: MAX_MICROSECONDS, figures: 3 })

function record(histogram: RecordableHistogram, milliseconds: number) {
  histogram.record(Math.min(Math.max(Math.round(milliseconds * 1000), 1), MAX_MICROSECONDS))
}

export function latencyOf(histogram: RecordableHistogram): Latency | undefined {
  if (histogram.count === 0) return undefined
  const at = (percentile: number) => histogram.percentile(percentile) / 1000
  return { p50: at(50), p99: at(99), p999: at(99.9), max: histogram.max / 1000 }
}
