/** Uploads customers to Tratta ("Bulk"): read, plan, store, send, poll errors. Resumes wherever it was stopped. */
import type pg from 'pg'
import type { TrattaClient } from '../tratta/client.ts'
import type { Readings } from '../tratta/readings.ts'
import { type BackoffLimits, createBackoff, PushStoppedError } from './backoff.ts'
import type { CustomerSource } from './customer-source.ts'
import { createErrorPoller } from './error-poller.ts'
import { countOmitted } from './omitted-counts.ts'
import { type Batch, planBatches } from './plan.ts'
import type { PushProgress } from './progress.ts'
import { readOpenRequests } from './requests.ts'
import { endRun, type Run } from './runs.ts'
import type { SameIds } from './same-ids.ts'
import type { Selection } from './select-accounts.ts'
import { createSendQueue } from './send-queue.ts'
import { storeBatch } from './store-batch.ts'

interface PushOptions {
  selection: Selection
  /** Rows at most, this time. */
  limit: number
  readings: Readings
  sameIds: SameIds
  waitMs: number
  maxWaitMs: number
  limits?: BackoffLimits
  signal: AbortSignal
  progress: PushProgress
}

interface PushResult {
  /** Requests of which it is unknown whether Tratta accepted them. */
  unknown: number
  /** One message for each request whose errors could not be read. */
  unreadable: string[]
}

/** @throws {PushStoppedError} */
export async function push(
  pool: pg.Pool,
  source: CustomerSource,
  client: TrattaClient,
  run: Run,
  {
    selection,
    limit,
    readings,
    sameIds,
    waitMs,
    maxWaitMs,
    limits,
    signal: stopSignal,
    progress,
  }: PushOptions,
): Promise<PushResult> {
  const stop = new AbortController()
  const signal = AbortSignal.any([stop.signal, stopSignal])
  const onFailed = (error: unknown) => stop.abort(error)
  const backoff = createBackoff(progress, limits)
  const maxima = { rows: readings.maxBulkRows, bytes: readings.maxBulkBytes }
  const result: PushResult = { unknown: 0, unreadable: [] }
  const poller = createErrorPoller({
    pool,
    client,
    waitMs,
    maxWaitMs,
    isPendingMarked: readings.pendingErrors === 'marked',
    backoff,
    signal,
    onSettled(rejectedRows) {
      progress.rejected += rejectedRows
      progress.waiting = poller.waiting - 1
    },
    onUnreadable: (message) => result.unreadable.push(message),
    onFailed,
  })
  const queue = createSendQueue({
    pool,
    client,
    source,
    run,
    backoff,
    maxima,
    readings,
    signal,
    onAccepted(request, { bulkId, completed }, rowCount) {
      progress.sent += rowCount
      progress.requests += 1
      poller.add({ request, bulkId, completed, ageMs: 0 })
      progress.waiting = poller.waiting
    },
    onUnknown() {
      result.unknown += 1
    },
    onRejectedRows(count) {
      progress.rejected += count
    },
    onFailed,
  })

  try {
    await resumeRequests()
    countCustomers()
    const plan = {
      source,
      target: run.target,
      position: run.position,
      selection,
      limit,
      maxima,
      readings: { ...readings, sameIds },
      signal,
    }
    let isEnd = false
    for await (const batch of planBatches(pool, plan)) {
      await store(batch)
      isEnd = batch.isEnd
    }
    await queue.drain()
    signal.throwIfAborted()
    await poller.drain()
    progress.waiting = 0
    if (isEnd && result.unreadable.length === 0) await endRun(pool, run)
    return result
  } catch (error) {
    stop.abort(error)
    await queue.drain()
    await poller.drain().catch(() => {})
    // The first error, not what followed from stopping.
    throw PushStoppedError.from(signal.reason ?? error)
  }

  /** Requests that an earlier push stored and did not settle. */
  async function resumeRequests() {
    for (const { request, state, age_ms, bulk_id, completed } of await readOpenRequests(pool, run.target))
      if (state === 'sent') poller.add({ request, bulkId: bulk_id!, completed, ageMs: age_ms })
      else await queue.resend(request)
    progress.waiting = poller.waiting
  }

  async function store(batch: Batch) {
    await queue.room()
    for (const { customer, field } of batch.omitted) countOmitted(run.omitted, customer, field)
    const request = await storeBatch(pool, run, batch, run.omitted)
    if (request !== undefined) queue.send(request, batch.rows)
    progress.read += batch.customers
    progress.rejected += new Set(
      batch.rejections.map(({ customer, location }) => `${customer}\n${location}`),
    ).size
  }

  function countCustomers() {
    if (selection.kind === 'retry') return
    source.countAfter(run.position).then(
      (count) => {
        progress.total = progress.read + count
      },
      // Progress is shown without a total.
      () => {},
    )
  }
}
