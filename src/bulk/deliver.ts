/** One request to Tratta, until it is known to be there. Each step is written down before and after. */
import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import type { Answer, TrattaClient } from '../tratta/client.ts'
import { TrattaError } from '../tratta/tratta-error.ts'
import { markNotTaken, markSending, markSent, markUnknown, type Taken } from './requests.ts'

/** The push cannot go on; its message says why, and what to do. */
export class PushStopped extends Error {}

/** So long nothing may succeed before a push gives up. The next one goes on where it was. */
const PATIENCE_MS = 120_000
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 10_000
/** A request of which nobody can say whether it arrived is not sent for ever. */
const MOST_UNKNOWN = 8

export interface Patience {
  /** Tratta answered. */
  answered(): void
  /**
   * Waits until it makes sense to try again, longer each time.
   * @throws {PushStopped} when nothing has succeeded for too long
   */
  wait(said: string, retryAfterMs: number | undefined, attempt: number, signal: AbortSignal): Promise<void>
}

export function patience(): Patience {
  let answeredAt = performance.now()
  return {
    answered() {
      answeredAt = performance.now()
    },
    async wait(said, retryAfterMs, attempt, signal) {
      const silence = performance.now() - answeredAt
      if (silence > PATIENCE_MS)
        throw new PushStopped(`Tratta has taken nothing for ${Math.round(silence / 1000)} s. ${said}`)
      const grown = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt)
      await pause((retryAfterMs ?? 0) + grown * (0.5 + Math.random() / 2), undefined, { signal })
    },
  }
}

/**
 * @returns what Tratta made of it; undefined when it stays unknown, and a later push sends it again
 * @throws {PushStopped} when Tratta says no to all of it: a token that is revoked, say
 */
export async function deliver(
  pool: pg.Pool,
  client: TrattaClient,
  { request, rows, body }: { request: string; rows: number; body: Buffer },
  patient: Patience,
  signal: AbortSignal,
): Promise<Taken | undefined> {
  let unknown = 0
  for (let attempt = 0; ; attempt++) {
    let failure: TrattaError | undefined
    let taken: Taken | undefined
    try {
      const answer = await client.bulk(body, {
        attempts: 1,
        async onTurn() {
          signal.throwIfAborted()
          await markSending(pool, request)
        },
      })
      taken = readAnswer(answer, rows)
    } catch (error) {
      if (!(error instanceof TrattaError)) throw error
      failure = error
    }
    if (taken) {
      patient.answered()
      await markSent(pool, request, taken)
      return taken
    }
    const said = failure?.message ?? 'POST /bulk: the answer has no bulk_id'
    if (failure?.fate === 'refused') {
      await markNotTaken(pool, request, said)
      throw new PushStopped(said)
    }
    if (failure?.fate === 'not_taken') {
      // A 429 is an answer: it says when to come back, not that something is wrong.
      if (failure.status === 429) patient.answered()
      await markNotTaken(pool, request, said)
    } else {
      await markUnknown(pool, request, said)
      unknown += 1
      if (unknown === MOST_UNKNOWN) return undefined
    }
    await patient.wait(said, failure?.retryAfterMs, attempt, signal)
  }
}

function readAnswer({ body }: Answer, rows: number): Taken | undefined {
  const { bulk_id, count, status } = (body as { data?: Record<string, unknown> } | undefined)?.data ?? {}
  if ((typeof bulk_id !== 'string' && typeof bulk_id !== 'number') || bulk_id === '') return undefined
  const said =
    typeof count === 'number' && count !== rows ? `Tratta counts ${count} of ${rows} customers` : null
  return { bulkId: String(bulk_id), completed: status === 'completed', said }
}
