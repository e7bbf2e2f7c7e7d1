/** Expectations that several drills share. */
import { setTimeout as pause } from 'node:timers/promises'
import { type Call, percentile, tally } from '../test/support/calls.ts'
import { type DrillContext, type DrillResult, type Expectation, maxRecoveryMs } from './drill.ts'
import type { Replica } from './replica.ts'
import { isAnswered, isFailed, isUnavailable, recoveryMs } from './row.ts'
import { query } from './setup.ts'

const TRATTA_TIMEOUT_MS = 10_000

const counts = (calls: Call[]) =>
  Object.entries(tally(calls))
    .map(([result, count]) => `${count} × ${result}`)
    .join(', ') || 'none'

export const noneFailed = (calls: Call[]): Expectation => ({
  text: `each call is answered with 200, 503 or 504: ${counts(calls)}`,
  isMet: calls.length > 0 && !calls.some(isFailed),
})

/** For drills in which the database is always available. */
export function allAnswered({ short }: DrillContext, calls: Call[], subject = 'each call'): Expectation {
  // On a busy machine some calls wait too long for a connection.
  const max = short ? calls.length / 10 : 0
  const unavailable = calls.filter(isUnavailable).length
  return {
    text: `${subject} is answered with 200${short ? ', or one in ten with 503' : ''}: ${counts(calls)}`,
    isMet: calls.length > 0 && !calls.some(isFailed) && unavailable <= max,
  }
}

export const someUnavailable = (calls: Call[]): Expectation => ({
  text: `the fault had an effect: ${calls.filter(isUnavailable).length} calls were answered with 503 or 504`,
  isMet: calls.some(isUnavailable),
})

export const inTime = (calls: Call[]): Expectation => ({
  text: `the longest call takes less than Tratta's timeout (10 s): ${Math.round(percentile(calls, 1))} ms`,
  isMet: percentile(calls, 1) < TRATTA_TIMEOUT_MS,
})

export function recoversInTime(
  context: DrillContext,
  calls: Call[],
  faultEnded: number,
  event = 'the fault',
): Expectation {
  const recovery = recoveryMs(calls, faultEnded)
  const max = maxRecoveryMs(context)
  return {
    text: `recovery within ${max / 1000} s after ${event}: ${recovery === undefined ? 'never' : `${recovery} ms`}`,
    isMet: recovery !== undefined && recovery < max,
  }
}

export const same = (subject: string, actual: unknown, expected: unknown): Expectation => ({
  text: `${subject}: ${JSON.stringify(actual)}`,
  isMet: JSON.stringify(actual) === JSON.stringify(expected),
})

/**
 * The result of a fault that causes 503 and 504, and nothing worse.
 * @param during the expectation during the fault
 */
export async function faultResult(
  context: DrillContext,
  replica: Replica,
  { calls, faultEnded }: { calls: Call[]; faultEnded: number },
  during: Expectation,
  event?: string,
): Promise<DrillResult> {
  return {
    calls,
    faultEnded,
    expectations: [
      noneFailed(calls),
      someUnavailable(calls),
      inTime(calls),
      during,
      recoversInTime(context, calls, faultEnded, event),
      await countedExactly(replica, calls),
    ],
  }
}

/**
 * Compares the metrics of a replica with the calls to it.
 * @param earlier the number of earlier calls, which were answered with 200
 */
export async function countedExactly(replica: Replica, calls: Call[], earlier = 0): Promise<Expectation> {
  const byOutcome = await replica.counts()
  const sum = (...outcomes: string[]) =>
    outcomes.reduce((total, outcome) => total + (byOutcome[outcome] ?? 0), 0)
  const counted = [
    sum('answered'),
    sum('database_unavailable', 'database_busy', 'deadline_exceeded'),
    sum(...Object.keys(byOutcome)),
  ]
  const sent = [
    calls.filter(isAnswered).length + earlier,
    calls.filter(isUnavailable).length,
    calls.length + earlier,
  ]
  const shown = Object.entries(byOutcome).flatMap(([outcome, count]) =>
    count > 0 ? `${count} ${outcome}` : [],
  )
  return {
    text: `the metrics counted each call: ${shown.join(', ')}`,
    isMet: JSON.stringify(counted) === JSON.stringify(sent),
  }
}

const STORE_MS = 20_000

/** Waits until each call is in the call log, or counted as dropped. */
export async function loggedExactly(replica: Replica, url: string, calls: Call[]): Promise<Expectation> {
  for (const until = performance.now() + STORE_MS; ; await pause(250)) {
    const [row] = await query(url, 'select count(*)::int as stored from tratta_jit.calls')
    const [stored, dropped] = [Number(row!.stored), await replica.dropped()]
    const isMet = stored + dropped === calls.length
    if (isMet || performance.now() > until)
      return { text: `the call log has each call: ${stored} stored, ${dropped} dropped`, isMet }
  }
}
