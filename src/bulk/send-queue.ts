/** Sends stored requests, some at a time, and splits those that Tratta rejects as a whole. */
import type pg from 'pg'
import type { TrattaClient } from '../tratta/client.ts'
import type { Readings } from '../tratta/readings.ts'
import { type Backoff, PushStoppedError } from './backoff.ts'
import type { CustomerSource } from './customer-source.ts'
import { deliver } from './deliver.ts'
import type { RequestMaxima } from './plan.ts'
import { rebuildRequest } from './rebuild-request.ts'
import { type Accepted, deleteRequest } from './requests.ts'
import type { Run } from './runs.ts'
import type { RowToSend } from './select-accounts.ts'
import { type RowMessages, rejectRows, splitInHalves } from './split-request.ts'

/** Rejected one after the other, without an accepted request between them: the requests are wrong, not the rows. */
const MAX_REJECTED_IN_SEQUENCE = 20
const MIN_BYTES = 10_000

interface SendContext {
  pool: pg.Pool
  client: TrattaClient
  source: CustomerSource
  run: Run
  backoff: Backoff
  /** Becomes lower when Tratta rejects a request for its size. */
  maxima: RequestMaxima
  readings: Pick<Readings, 'bulkInFlight' | 'ssnLast4'>
  signal: AbortSignal
  onAccepted(request: string, accepted: Accepted, rowCount: number): void
  onUnknown(): void
  onRejectedRows(count: number): void
  onFailed(error: unknown): void
}

interface SendQueue {
  /** Resolves when another request can be sent. */
  room(): Promise<void>
  send(request: string, rows: RowToSend[]): void
  /** Builds a stored request again and sends it. */
  resend(request: string): Promise<void>
  drain(): Promise<void>
}

export function createSendQueue(context: SendContext): SendQueue {
  const { pool, client, source, run, backoff, maxima, readings, signal } = context
  const inFlight = new Set<Promise<void>>()
  let rejectedInSequence = 0

  async function deliverBody(request: string, rowCount: number, body: Buffer<ArrayBuffer>): Promise<void> {
    const result = await deliver(pool, client, { request, rowCount, body }, backoff, signal)
    if (result.kind === 'accepted') {
      rejectedInSequence = 0
      context.onAccepted(request, result, rowCount)
    } else if (result.kind === 'unknown') context.onUnknown()
    else {
      if (result.isTooLarge)
        maxima.bytes = Math.min(maxima.bytes, Math.max(MIN_BYTES, Math.floor(body.length / 2)))
      if (result.maxRows !== undefined) maxima.rows = Math.min(maxima.rows, result.maxRows)
      const rows = rowCount === 1 ? new Map([[1, [result.message]]]) : result.rows
      await (rows.size > 0 ? reject(request, rowCount, rows) : split(request, rowCount))
    }
  }

  async function reject(request: string, rowCount: number, rows: RowMessages) {
    rejectedInSequence += 1
    if (rejectedInSequence > MAX_REJECTED_IN_SEQUENCE)
      throw new PushStoppedError(
        `Tratta has rejected ${rejectedInSequence} requests one after the other: ${[...rows.values()][0]!.join(' ')}`,
      )
    await rejectRows(pool, request, rows)
    context.onRejectedRows(rows.size)
    if (rows.size < rowCount) await rebuild(request)
  }

  async function split(request: string, rowCount: number) {
    const second = await splitInHalves(pool, request, rowCount)
    await rebuild(request)
    await rebuild(second)
  }

  async function rebuild(request: string): Promise<void> {
    signal.throwIfAborted()
    const rows = await rebuildRequest(pool, source, run, request, readings.ssnLast4)
    if (rows.length === 0) return void (await deleteRequest(pool, request))
    const body = bodyOf(rows)
    const rowCount = rows.length
    if (rowCount > 1 && (rowCount > maxima.rows || body.length > maxima.bytes)) await split(request, rowCount)
    else await deliverBody(request, rowCount, body)
  }

  function start(sending: Promise<void>) {
    const tracked = sending.catch(context.onFailed).finally(() => inFlight.delete(tracked))
    inFlight.add(tracked)
  }

  async function room() {
    while (inFlight.size >= readings.bulkInFlight) await Promise.race(inFlight)
    signal.throwIfAborted()
  }

  return {
    room,
    // The rows are not kept while the request waits for Tratta: only their number, and the body.
    send: (request, rows) => start(deliverBody(request, rows.length, bodyOf(rows))),
    async resend(request) {
      await room()
      start(rebuild(request))
    },
    async drain() {
      while (inFlight.size > 0) await Promise.race(inFlight)
    },
  }
}

const bodyOf = (rows: RowToSend[]) => Buffer.from(`[${rows.map(({ json }) => json).join(',')}]`)
