/** The calls of a drill, summed up. */
import type { Call } from '../test/support/calls.ts'
import type { Expectation, Findings } from './drill.ts'

export interface Row {
  drill: string
  calls: number
  /** 200. */
  answered: number
  /** Calls answered with 503 or 504. */
  refused: number
  failed: number
  longest_ms: number
  /** From the end of the fault to the first of a run of good answers; null when none came. */
  well_after_ms?: number | null
  expectations: Expectation[]
}

export const isAnswered = ({ status }: Call) => status === 200
export const isRefused = ({ status }: Call) => status === 503 || status === 504
export const isFailed = (call: Call) => !isAnswered(call) && !isRefused(call)

export function rowOf(drill: string, { calls, faultEnded, expectations }: Findings): Row {
  return {
    drill,
    calls: calls.length,
    answered: calls.filter(isAnswered).length,
    refused: calls.filter(isRefused).length,
    failed: calls.filter(isFailed).length,
    longest_ms: Math.round(calls.reduce((longest, { ms }) => Math.max(longest, ms), 0)),
    ...(faultEnded !== undefined && { well_after_ms: wellAfter(calls, faultEnded) ?? null }),
    expectations,
  }
}

/**
 * Milliseconds from a moment to the first of the good answers after which no other came.
 * @returns undefined when the last answer was not good
 */
export function wellAfter(calls: Call[], moment: number): number | undefined {
  const after = calls.filter(({ at }) => at >= moment).sort((one, other) => one.at - other.at)
  const first = after[after.findLastIndex((call) => !isAnswered(call)) + 1]
  return first && Math.round(first.at + first.ms - moment)
}
