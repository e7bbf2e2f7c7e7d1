/**
 * Stores calls in batches on a separate connection, after they are answered.
 *
 * | state    | means                                        | a new call                              |
 * |----------|----------------------------------------------|-----------------------------------------|
 * | starting | the table and its rights are not checked yet | is queued                               |
 * | storing  | Postgres takes calls                         | is queued, and stored within FLUSH_MS   |
 * | delayed  | the last attempt failed; retried             | is queued; dropped if MAX_QUEUED wait   |
 * | off      | at the start the table or a right was missing | is ignored                             |
 *
 * starting → storing or off; storing ⇄ delayed. Dropped calls are counted.
 */
import { hostname } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import type { Config } from '../config.ts'
import { QueryError } from '../database/database-errors.ts'
import { replaceConnections } from '../database/new-connections.ts'
import { createPool } from '../database/pool.ts'
import { describeError, type Log } from '../log.ts'
import { findStoreProblem, maintainCalls, type NewCall, storeCalls } from './store-calls.ts'

interface CallLog {
  /** Never waits and never throws. */
  add(call: NewCall): void
  /** Applies a change of DATABASE_URL. */
  useDatabase(url: string): void
  /** Stores the queued calls. Takes at most CLOSE_MS; then the remaining calls are dropped and counted. */
  close(): Promise<void>
}

/** About 5 MB. */
const MAX_QUEUED = 10_000
const MAX_BATCH = 1000
const FLUSH_MS = 250
const RETRY_MS = 1000
const MAINTENANCE_MS = 60 * 60_000
const LOG_DROPPED_MS = 10_000
const CLOSE_MS = 1000
const CONNECTION_MS = 5000

/** Data exceptions (22) and violated constraints (23): a row is the cause, and a retry fails again. */
const CAUSED_BY_ROW = /^2[23]/

/** The name of this process in the call log. */
export const REPLICA = `${hostname()}:${process.pid}`

/**
 * @param onDropped gets the number of calls that are lost
 * @returns undefined with CALL_LOG_DAYS=0
 */
export function createCallLog(
  config: Config<'DATABASE_URL'>,
  log: Log,
  onDropped: (count: number) => void,
): CallLog | undefined {
  const days = config.CALL_LOG_DAYS
  if (days === 0) return undefined
  const limits = { connectionMs: CONNECTION_MS, statementMs: CONNECTION_MS }
  const pool = createPool({ ...config, DATABASE_POOL_SIZE: 1 }, limits)
  const queue: NewCall[] = []
  let state: 'starting' | 'storing' | 'delayed' | 'off' = 'starting'
  let isChecked = false
  let isClosed = false
  let unlogged = 0
  let timer: NodeJS.Timeout | undefined
  let flushing: Promise<void> | undefined

  const drop = (count: number) => {
    unlogged += count
    onDropped(count)
  }
  const logDropped = () => {
    if (unlogged > 0) log.warn({ event: 'call_log_dropped', calls: unlogged })
    unlogged = 0
  }
  const maintain = () =>
    maintainCalls(pool, days).catch((error) =>
      log.warn({ event: 'call_log_maintenance_failed', error: describeError(causeOf(error)) }),
    )

  const check = async () => {
    const problem = await findStoreProblem(pool)
    isChecked = true
    if (!problem) return maintain()
    log.warn({
      event: 'call_log_off',
      message: `calls are not stored: ${problem.message}`,
      remedy: problem.remedy,
    })
    state = 'off'
    queue.length = 0
  }
  const storeQueue = async () => {
    let size = MAX_BATCH
    while (queue.length > 0) {
      const batch = queue.slice(0, size)
      try {
        await storeCalls(pool, batch)
      } catch (error) {
        if (!(error instanceof QueryError && CAUSED_BY_ROW.test(error.sqlState))) throw error
        // Halves find the row, for example an id that the encoding of the database does not have.
        size = Math.ceil(batch.length / 2)
        if (batch.length > 1) continue
        size = MAX_BATCH
        drop(1)
      }
      queue.splice(0, batch.length)
    }
  }
  const checkAndStore = async () => {
    try {
      if (!isChecked) await check()
      if (state === 'off') return
      await storeQueue()
      if (state === 'delayed') log.info({ event: 'call_log_resumed' })
      state = 'storing'
    } catch (error) {
      if (state !== 'delayed') log.warn({ event: 'call_log_delayed', error: describeError(causeOf(error)) })
      state = 'delayed'
    }
  }
  const flush = () => {
    clearTimeout(timer)
    timer = undefined
    flushing ??= checkAndStore().finally(() => {
      flushing = undefined
      if (state === 'delayed') flushIn(RETRY_MS)
      else if (queue.length > 0) flushIn(FLUSH_MS)
    })
    return flushing
  }
  const flushIn = (ms: number) => {
    if (!isClosed) timer ??= setTimeout(flush, ms)
  }

  const intervals = [
    setInterval(logDropped, LOG_DROPPED_MS),
    setInterval(() => state !== 'off' && maintain(), MAINTENANCE_MS),
  ]
  for (const interval of intervals) interval.unref()
  void flush()

  return {
    add(call) {
      if (state === 'off') return
      if (isClosed || queue.length >= MAX_QUEUED) return drop(1)
      queue.push(call)
      if (queue.length === MAX_BATCH && state === 'storing') void flush()
      else if (!flushing) flushIn(FLUSH_MS)
    },
    useDatabase: (url) => replaceConnections(pool, url),
    async close() {
      if (isClosed) return
      isClosed = true
      clearTimeout(timer)
      for (const interval of intervals) clearInterval(interval)
      const stored = async () => {
        await flushing
        await flush()
        await pool.end()
      }
      await Promise.race([stored(), pause(CLOSE_MS)])
      if (queue.length > 0) drop(queue.length)
      queue.length = 0
      logDropped()
    },
  }
}

const causeOf = (error: unknown) => (error instanceof Error ? (error.cause ?? error) : error)
