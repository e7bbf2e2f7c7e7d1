/**
 * Reads the errors of accepted requests, while other requests are sent.
 *
 * Tratta processes a request after it has answered ("asynchronously"), and no documented endpoint
 * reports whether it is done: an empty list means no errors, or no errors yet. So the errors of a pending request are read every
 * TRATTA_BULK_WAIT_SECONDS until two readings agree, or until TRATTA_BULK_MAX_WAIT_SECONDS have passed. `bulk
 * errors` reads them once more, ten minutes after the request or later (read-errors.ts).
 */
import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import type { TrattaClient } from '../tratta/client.ts'
import { TrattaError } from '../tratta/tratta-error.ts'
import type { Backoff } from './backoff.ts'
import { concernsOneRequest, type ErrorsResult, fetchErrors } from './fetch-errors.ts'
import { markUnreadable } from './requests.ts'
import { storeErrors } from './store-errors.ts'

const WORKERS = 4
const POLL_MS = 100
const MIN_WAIT_MS = 200

interface AcceptedRequest {
  request: string
  bulkId: string
  completed: boolean
  /** Milliseconds since Tratta accepted it. */
  ageMs: number
}

interface ErrorPoller {
  add(accepted: AcceptedRequest): void
  readonly waiting: number
  /** Nothing will be added any more. Resolves when all errors are read. */
  drain(): Promise<void>
}

interface PollContext {
  pool: pg.Pool
  client: TrattaClient
  waitMs: number
  maxWaitMs: number
  /** Tratta reports when errors are not ready, so one reading is final. */
  isPendingMarked: boolean
  backoff: Backoff
  signal: AbortSignal
  /** Gets the number of rows with something that is rejected. */
  onSettled(rejectedRows: number): void
  /** The errors of a request cannot be read now. It keeps its state. */
  onUnreadable(message: string): void
  onFailed(error: unknown): void
}

interface Poll extends AcceptedRequest {
  acceptedAt: number
  due: number
  /** The reading before, to compare. */
  last: string | undefined
}

export function createErrorPoller(context: PollContext): ErrorPoller {
  const { pool, client, waitMs, maxWaitMs, isPendingMarked, backoff, signal } = context
  const queue: Poll[] = []
  let reading = 0
  let isComplete = false

  async function work() {
    for (;;) {
      signal.throwIfAborted()
      const index = queue.findIndex(({ due }) => due <= performance.now())
      if (index < 0 && queue.length + reading === 0 && isComplete) return
      if (index < 0) {
        await pause(POLL_MS, undefined, { signal })
        continue
      }
      const [poll] = queue.splice(index, 1)
      reading += 1
      try {
        await read(poll!)
      } finally {
        reading -= 1
      }
    }
  }

  async function read(poll: Poll) {
    const { request, bulkId, completed } = poll
    try {
      const result = await fetchWithBackoff(bulkId)
      const isLate = performance.now() - poll.acceptedAt + waitMs > maxWaitMs
      if (result.kind === 'not_ready' && !(isLate && result.isNone)) {
        if (!isLate) return readLater(poll, undefined)
        await markUnreadable(pool, request, result.message)
        return context.onUnreadable(result.message)
      }
      const rows = result.kind === 'errors' ? result.rows : []
      const current = JSON.stringify(rows.map(({ byAccount, ...row }) => [row, [...byAccount]]))
      const isFinal = completed || isLate || isPendingMarked || current === poll.last
      const rejectedRows = await storeErrors(pool, request, rows, isFinal)
      if (!isFinal) return readLater(poll, current)
      return context.onSettled(rejectedRows)
    } catch (error) {
      if (!concernsOneRequest(error)) throw error
      await markUnreadable(pool, request, error.message)
      return context.onUnreadable(error.message)
    }
  }

  function readLater(poll: Poll, last: string | undefined) {
    queue.push({ ...poll, last, due: performance.now() + Math.max(MIN_WAIT_MS, waitMs) })
  }

  async function fetchWithBackoff(bulkId: string): Promise<ErrorsResult> {
    for (let attempt = 0; ; attempt++) {
      try {
        const result = await fetchErrors(client, bulkId, { attempts: 1, background: true, signal })
        backoff.succeeded()
        return result
      } catch (error) {
        if (concernsOneRequest(error) || !(error instanceof TrattaError) || error.isPermanent) throw error
        const { message, status, retryAfterMs } = error
        await backoff.wait({ message, isBusy: status === 429, retryAfterMs }, attempt, signal)
      }
    }
  }

  const workers = Array.from({ length: WORKERS }, work)
  for (const worker of workers) worker.catch(context.onFailed)
  return {
    add(accepted) {
      const now = performance.now()
      const wait = accepted.completed ? 0 : Math.max(0, waitMs - accepted.ageMs)
      queue.push({ ...accepted, acceptedAt: now - accepted.ageMs, due: now + wait, last: undefined })
    },
    get waiting() {
      return queue.length + reading
    },
    async drain() {
      isComplete = true
      await Promise.all(workers)
    },
  }
}
