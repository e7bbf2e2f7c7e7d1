/** Sends one stored request until its result is proven, or another attempt makes no sense. */
import type pg from 'pg'
import type { TrattaClient } from '../tratta/client.ts'
import { TrattaError } from '../tratta/tratta-error.ts'
import { type Backoff, PushStoppedError } from './backoff.ts'
import { type AttemptResult, readAnswer, readError } from './read-answer.ts'
import {
  type Accepted,
  markNotAccepted,
  markSending,
  markSent,
  markUnknown,
  markWithoutBulkId,
} from './requests.ts'

/** Attempts without a complete answer, after which a request stays unknown until the next push. */
const MAX_UNKNOWN_ATTEMPTS = 8

type DeliveryResult =
  | ({ kind: 'accepted' } & Accepted)
  | { kind: 'unknown' }
  | Extract<AttemptResult, { kind: 'rejected' }>

interface Deliverable {
  request: string
  rowCount: number
  /** A JSON array. */
  body: Buffer<ArrayBuffer>
}

/** @throws {PushStoppedError} when no request would be accepted: a revoked token, an outage */
export async function deliver(
  pool: pg.Pool,
  client: TrattaClient,
  { request, rowCount, body }: Deliverable,
  backoff: Backoff,
  signal: AbortSignal,
): Promise<DeliveryResult> {
  let unknown = 0
  for (let attempt = 0; ; attempt++) {
    const result = await send()
    switch (result.kind) {
      case 'accepted':
        backoff.succeeded()
        await markSent(pool, request, result)
        return result
      case 'accepted_without_bulk_id':
        backoff.succeeded()
        await markWithoutBulkId(
          pool,
          request,
          'POST /bulk: accepted without a bulk_id, its errors cannot be read',
        )
        return { kind: 'unknown' }
      case 'rejected':
        await markNotAccepted(pool, request, result.message)
        return result
      case 'stop':
        await markNotAccepted(pool, request, result.message)
        throw new PushStoppedError(result.message, result.cause)
      case 'not_accepted':
        await markNotAccepted(pool, request, result.message)
        break
      case 'unknown':
        await markUnknown(pool, request, result.message)
        if (!result.isBusy) unknown += 1
        if (unknown === MAX_UNKNOWN_ATTEMPTS) return { kind: 'unknown' }
    }
    await backoff.wait(result, attempt, signal)
  }

  async function send(): Promise<AttemptResult> {
    try {
      const answer = await client.bulk(body, {
        attempts: 1,
        async onTurn() {
          signal.throwIfAborted()
          await markSending(pool, request)
        },
      })
      return readAnswer(answer)
    } catch (error) {
      if (!(error instanceof TrattaError)) throw error
      return readError(error, rowCount)
    }
  }
}
