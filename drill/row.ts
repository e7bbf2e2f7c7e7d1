/** Counts the calls of a drill. */
import type { Call } from '../test/support/calls.ts'
import type { DrillResult, Expectation } from './drill.ts'

export interface Row {
  drill: string
  calls: number
  /** Calls with status 200. */
  answered: number
  /** Calls with status 503 or 504. */
  unavailable: number
  /** Calls with any other status, or without an answer. */
  failed: number
  longest_ms: number
  /** The recovery time; null if the last call was not answered with 200. */
  recovery_ms?: number | null
  expectations: Expectation[]
}

export const isAnswered = ({ status }: Call) => status === 200
export const isUnavailable = ({ status }: Call) => status === 503 || status === 504
export const isFailed = (call: Call) => !isAnswered(call) && !isUnavailable(call)

export function rowOf(drill: string, { calls, faultEnded, expectations }: DrillResult): Row {
  return {
    drill,
    calls: calls.length,
    answered: calls.filter(isAnswered).length,
    unavailable: calls.filter(isUnavailable).length,
    failed: calls.filter(isFailed).length,
    longest_ms: Math.round(calls.reduce((longest, { ms }) => Math.max(longest, ms), 0)),
    ...(faultEnded !== undefined && { recovery_ms: recoveryMs(calls, faultEnded) ?? null }),
    expectations,
  }
}

/**
 * The recovery time: milliseconds from the end of the fault to the first 200 after which all answers are 200.
 * @returns undefined when the last call was not answered with 200
 */
export function recoveryMs(calls: Call[], faultEnded: number): number | undefined {
  const after = calls.filter(({ at }) => at >= faultEnded).sort((one, other) => one.at - other.at)
  const first = after[after.findLastIndex((call) => !isAnswered(call)) + 1]
  return first && Math.round(first.at + first.ms - faultEnded)
}
