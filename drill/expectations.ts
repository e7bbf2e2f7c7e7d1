/** What is expected in more than one drill. */
import { type Call, percentile, tally } from '../test/support/calls.ts'
import { type Expectation, type Findings, type Scene, wellWithin } from './drill.ts'
import type { Replica } from './replica.ts'
import { isAnswered, isFailed, isRefused, wellAfter } from './row.ts'

/** Tratta gives up after 10 s. */
const TIMEOUT_MS = 10_000

const ends = (calls: Call[]) =>
  Object.entries(tally(calls))
    .map(([end, count]) => `${count} × ${end}`)
    .join(', ') || 'none'

export const noneFailed = (calls: Call[]): Expectation => ({
  what: `each call is answered 200, 503 or 504: ${ends(calls)}`,
  holds: calls.length > 0 && !calls.some(isFailed),
})

/** For drills in which the database is there all the time. */
export function allAnswered({ short }: Scene, calls: Call[], which = 'each call'): Expectation {
  // A busy machine makes calls wait for a connection longer than they may.
  const most = short ? calls.length / 10 : 0
  const refused = calls.filter(isRefused).length
  return {
    what: `${which} is answered 200${short ? ', or one in ten 503' : ''}: ${ends(calls)}`,
    holds: calls.length > 0 && !calls.some(isFailed) && refused <= most,
  }
}

export const someRefused = (calls: Call[]): Expectation => ({
  what: `the fault had an effect: ${calls.filter(isRefused).length} calls were answered with 503 or 504`,
  holds: calls.some(isRefused),
})

export const inTime = (calls: Call[]): Expectation => ({
  what: `the longest call ends before Tratta gives up (10 s): ${Math.round(percentile(calls, 1))} ms`,
  holds: percentile(calls, 1) < TIMEOUT_MS,
})

export function wellAgain(scene: Scene, calls: Call[], moment: number, since = 'the fault'): Expectation {
  const after = wellAfter(calls, moment)
  const bound = wellWithin(scene)
  return {
    what: `all is well within ${bound / 1000} s after ${since}: ${after === undefined ? 'never' : `${after} ms`}`,
    holds: after !== undefined && after < bound,
  }
}

export const same = (what: string, seen: unknown, expected: unknown): Expectation => {
  const holds = JSON.stringify(seen) === JSON.stringify(expected)
  return { what: `${what}: ${JSON.stringify(seen)}`, holds }
}

/**
 * Of a fault that makes calls come again, and nothing worse.
 * @param meanwhile what else was seen
 */
export async function withstood(
  scene: Scene,
  replica: Replica,
  { calls, faultEnded }: { calls: Call[]; faultEnded: number },
  meanwhile: Expectation,
  since?: string,
): Promise<Findings> {
  return {
    calls,
    faultEnded,
    expectations: [
      noneFailed(calls),
      someRefused(calls),
      inTime(calls),
      meanwhile,
      wellAgain(scene, calls, faultEnded, since),
      await countedExactly(replica, calls),
    ],
  }
}

/**
 * The calls that one replica has counted, against those that were made to it alone.
 * @param asked further ones, answered before
 */
export async function countedExactly(replica: Replica, calls: Call[], asked = 0): Promise<Expectation> {
  const counts = await replica.counts()
  const sum = (...outcomes: string[]) => outcomes.reduce((sum, outcome) => sum + (counts[outcome] ?? 0), 0)
  const seen = [
    sum('answered'),
    sum('database_unavailable', 'database_busy', 'deadline_exceeded'),
    sum(...Object.keys(counts)),
  ]
  const made = [calls.filter(isAnswered).length + asked, calls.filter(isRefused).length, calls.length + asked]
  const said = Object.entries(counts).flatMap(([outcome, count]) => (count > 0 ? `${count} ${outcome}` : []))
  return {
    what: `the metrics counted each call that was made: ${said.join(', ')}`,
    holds: JSON.stringify(seen) === JSON.stringify(made),
  }
}
