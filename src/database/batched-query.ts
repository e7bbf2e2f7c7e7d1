/** A query with a deadline. Queries of one turn of the event loop share a connection and a transaction. */
import type pg from 'pg'
import {
  connectionError,
  DatabaseBusyError,
  DatabaseUnavailableError,
  DeadlineExceededError,
  endsConnection,
  isBroken,
  isUnusableStatement,
  queryError,
} from './database-errors.ts'
import type { Limits } from './pool.ts'
import { type Query, QueryBatch } from './query-batch.ts'

const MAX_BATCH = 8
/** Bounds the memory of a burst. With 10 connections 200 calls a second can wait 2 s for a lock. */
const MAX_WAITING_BATCHES_PER_CONNECTION = 50

interface QueryOptions extends Pick<Limits, 'queryMs'> {
  /** Called when the query has a connection, right before it is sent. */
  onConnection?: (() => void) | undefined
}

/**
 * Sends one statement, and once more where another connection or another attempt may succeed.
 * @throws {DatabaseUnavailableError} with the error as its cause
 * @throws {QueryError} with the error as its cause
 * @throws {DatabaseBusyError}
 * @throws {DeadlineExceededError}
 */
export async function boundedQuery<Row extends pg.QueryResultRow>(
  pool: pg.Pool,
  query: Query,
  values: string[],
  { queryMs, onConnection }: QueryOptions,
): Promise<Row[]> {
  const deadline = performance.now() + queryMs
  try {
    return await attempt(pool, query, values, deadline, onConnection)
  } catch (error) {
    // After a restart of Postgres one connection is broken, the next may work.
    if (error instanceof DatabaseUnavailableError && error.retryable)
      return attempt(pool, query, values, deadline, onConnection)
    throw error
  }
}

interface PendingQuery {
  query: Query
  values: string[]
  onConnection: QueryOptions['onConnection']
  isSettled: boolean
  settle(error: Error | undefined, rows?: pg.QueryResultRow[]): void
  /** Present once the query was sent. Destroys the connection, because Postgres may never answer on it. */
  destroyConnection?: () => void
}

/** The queries of this turn of the event loop. */
const batches = new WeakMap<pg.Pool, PendingQuery[]>()

function attempt<Row extends pg.QueryResultRow>(
  pool: pg.Pool,
  query: Query,
  values: string[],
  deadline: number,
  onConnection: QueryOptions['onConnection'],
): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    if (pool.waitingCount >= pool.options.max * MAX_WAITING_BATCHES_PER_CONNECTION)
      return reject(new DatabaseBusyError())
    const pending: PendingQuery = {
      query,
      values,
      onConnection,
      isSettled: false,
      settle(error, rows) {
        if (pending.isSettled) return
        pending.isSettled = true
        clearTimeout(timer)
        if (error) reject(error)
        else resolve(rows as Row[])
      },
    }
    const timer = setTimeout(
      () => {
        pending.settle(new DeadlineExceededError())
        pending.destroyConnection?.()
      },
      Math.max(0, deadline - performance.now()),
    )
    const batch = batches.get(pool)
    if (!batch) {
      batches.set(pool, [pending])
      setImmediate(flush, pool)
    } else if (batch.push(pending) >= MAX_BATCH) flush(pool)
  })
}

/**
 * Under load several calls arrive in one turn of the event loop. They share a connection and a transaction: the
 * messages to and from Postgres are the largest cost of a lookup. A single query has a connection of its own.
 */
function flush(pool: pg.Pool) {
  const pending = batches.get(pool) ?? []
  batches.delete(pool)
  for (const batch of Map.groupBy(pending, ({ query }) => query.text).values()) sendBatch(pool, batch)
}

function sendBatch(pool: pg.Pool, batch: PendingQuery[]) {
  pool.connect((error, client, release) => {
    const open = batch.filter(({ isSettled }) => !isSettled)
    if (error || !client) {
      for (const { settle } of open) settle(connectionError(error))
      return
    }
    let isDestroyed = false
    const destroyConnection = () => {
      if (isDestroyed) return
      isDestroyed = true
      // The pool alone would wait for the remaining answers.
      client.connection.stream.destroy()
      release(true)
    }
    for (const pending of open) {
      pending.destroyConnection = destroyConnection
      pending.onConnection?.()
    }
    sendItems(client, open, (isUnusable) => {
      if (!isDestroyed) release(isUnusable)
    })
  })
}

/** @param onEnd its argument says whether the connection must not be used again */
function sendItems(client: pg.PoolClient, items: PendingQuery[], onEnd: (isUnusable: boolean) => void) {
  const [first] = items
  if (!first) return onEnd(false)
  const { query } = first
  let answered = 0
  const onRows = (rows: pg.QueryResultRow[]) => items[answered++]!.settle(undefined, rows)
  const batch = new QueryBatch(
    query,
    items.map(({ values }) => ({ values, onRows })),
    (error) => {
      if (!error) return onEnd(false)
      const [failed, ...notExecuted] = items.slice(answered)
      if (!failed) return onEnd(endsConnection(error))
      // The prepared statement is unusable: send it without a name, then use another connection.
      if (query.name !== undefined && isUnusableStatement(error)) {
        const unnamed = [failed, ...notExecuted].map((item) => ({ ...item, query: { text: query.text } }))
        return sendItems(client, unnamed, () => onEnd(true))
      }
      failed.settle(queryError(error))
      if (!isBroken(error))
        return sendItems(client, notExecuted, (isUnusable) => onEnd(isUnusable || endsConnection(error)))
      for (const { settle } of notExecuted) settle(queryError(error))
      onEnd(true)
    },
  )
  client.query(batch)
}
