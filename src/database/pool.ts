/** The connections to Postgres, and a query that is bounded in every way in which it could hang. */
import pg from 'pg'
import type { Config } from '../config.ts'

/** Postgres cannot be reached, or cannot answer now. */
export class DatabaseAway extends Error {
  /** A further attempt may find a connection that works. */
  readonly retryable: boolean
  constructor(cause: unknown, retryable: boolean) {
    super('Postgres cannot answer', { cause })
    this.retryable = retryable
  }
}
/** More queries wait for a connection than could be answered in time. */
export class DatabaseBusy extends Error {}
/** The answer did not come in time. */
export class DeadlinePassed extends Error {}

/** So many queries that were asked at once share a connection. */
const MOST_TOGETHER = 8
/** For each connection of the pool so many groups may wait: a burst, and not more memory than that. */
const MOST_WAITING_PER_CONNECTION = 25

export interface Limits {
  /** The waiting for a connection, new or free. */
  connectionMs: number
  /** The statement, by Postgres's own clock; 0 leaves it at what the role has. */
  statementMs: number
  /** All of it. When this passes the connection is thrown away, for Postgres may never speak on it again. */
  queryMs: number
}

/** Nested, so that the innermost bound that can still act does, and all end before the deadline. */
export const limitsWithin = (deadlineMs: number): Limits => ({
  connectionMs: Math.round(deadlineMs * 0.12),
  statementMs: Math.round(deadlineMs * 0.6),
  queryMs: Math.round(deadlineMs * 0.9),
})

export function createPool(
  config: Config<'DATABASE_URL'>,
  { connectionMs, statementMs }: Pick<Limits, 'connectionMs' | 'statementMs'>,
): pg.Pool {
  // Never set to 0: PgBouncer in transaction mode would leave that to whoever has the connection next.
  const bound = statementMs > 0 ? `set statement_timeout = ${statementMs}; ` : ''
  const pool = new pg.Pool({
    connectionString: config.DATABASE_URL,
    max: config.DATABASE_POOL_SIZE,
    application_name: 'tratta-jit',
    pipeline: true,
    connectionTimeoutMillis: connectionMs,
    // Keeps a firewall between us from forgetting a quiet connection.
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    idleTimeoutMillis: 60_000,
    // Not as start-up parameters: PgBouncer refuses those.
    // random_page_cost: what calls ask for is in memory, where the next page is no nearer than another. With the
    // default of 4 a relation of a few pages is read whole for every call, in spite of its index.
    onConnect: (client) => client.query(`${bound}set random_page_cost = 1.1`),
  })
  // Without these listeners a restart of Postgres ends the process. The query at hand gets the error
  // anyway, and an idle connection that breaks is no news.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

interface Query {
  name?: string
  text: string
}

/**
 * Sends one statement, and once more where the connection turned out to be broken.
 * @throws {DatabaseAway} with the error as its cause
 * @throws {DatabaseBusy}
 * @throws {DeadlinePassed}
 */
export async function boundedQuery<Row extends pg.QueryResultRow>(
  pool: pg.Pool,
  query: Query,
  values: unknown[],
  { queryMs }: Pick<Limits, 'queryMs'>,
): Promise<Row[]> {
  const deadline = performance.now() + queryMs
  try {
    return await attempt(pool, query, values, deadline)
  } catch (error) {
    // After a restart of Postgres one connection is broken, the next need not be.
    if (error instanceof DatabaseAway && error.retryable) return attempt(pool, query, values, deadline)
    throw error
  }
}

interface Asked {
  query: Query
  values: unknown[]
  isSettled: boolean
  settle(error: Error | undefined, rows?: pg.QueryResultRow[]): void
  /** Once it is on its way: ends the connection, for Postgres may never speak on it again. */
  throwAway?: () => void
}

/** What was asked in this turn of the event loop. */
const gathered = new WeakMap<pg.Pool, Asked[]>()

function attempt<Row extends pg.QueryResultRow>(
  pool: pg.Pool,
  query: Query,
  values: unknown[],
  deadline: number,
): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    if (pool.waitingCount >= pool.options.max * MOST_WAITING_PER_CONNECTION) return reject(new DatabaseBusy())
    const asked: Asked = {
      query,
      values,
      isSettled: false,
      settle(error, rows) {
        if (asked.isSettled) return
        asked.isSettled = true
        clearTimeout(timer)
        if (error) reject(error)
        else resolve(rows as Row[])
      },
    }
    const timer = setTimeout(
      () => {
        asked.settle(new DeadlinePassed())
        asked.throwAway?.()
      },
      Math.max(0, deadline - performance.now()),
    )
    const together = gathered.get(pool)
    if (!together) {
      gathered.set(pool, [asked])
      setImmediate(sendGathered, pool)
    } else if (together.push(asked) >= MOST_TOGETHER) sendGathered(pool)
  })
}

/**
 * Under load several calls arrive in one turn of the event loop. They share a connection, one behind the
 * other: a write for each is what costs most in a lookup. Alone, each has a connection to itself.
 */
function sendGathered(pool: pg.Pool) {
  const together = gathered.get(pool)
  gathered.delete(pool)
  if (together) sendTogether(pool, together)
}

function sendTogether(pool: pg.Pool, queries: Asked[]) {
  pool.connect((error, client, release) => {
    const open = queries.filter(({ isSettled }) => !isSettled)
    if (error || !client) {
      for (const { settle } of open)
        settle(isPoolTimeout(error) ? new DatabaseBusy() : new DatabaseAway(error, false))
      return
    }
    if (open.length === 0) return release()
    let underWay = open.length
    let isUnusable = false
    let isThrownAway = false
    const throwAway = () => {
      if (isThrownAway) return
      isThrownAway = true
      // The pool alone would wait for the answers that are still to come.
      client.connection.stream.destroy()
      release(true)
    }
    const ended = ({ settle }: Asked, error: Error | null, result: pg.QueryResult) => {
      // Cancelled while it was being prepared: PgBouncer holds the name for taken then, pg for free.
      isUnusable ||= error !== null && (isBroken(error) || sqlState(error) === QUERY_CANCELED)
      underWay -= 1
      if (underWay === 0 && !isThrownAway) release(isUnusable)
      if (!error) settle(undefined, result.rows)
      else if (sqlState(error) === QUERY_CANCELED) settle(new DeadlinePassed())
      else settle(new DatabaseAway(error, isBroken(error)))
    }
    client.connection.stream.cork()
    for (const asked of open) {
      const { query, values } = asked
      asked.throwAway = throwAway
      client.query({ ...query, values }, (error, result) => {
        // The prepared statement is of no use: this once without a name, then on another connection.
        if (query.name !== undefined && UNUSABLE_STATEMENT.includes(sqlState(error) ?? '')) {
          isUnusable = true
          client.query({ text: query.text, values }, (error, result) => ended(asked, error, result))
        } else ended(asked, error, result)
      })
    }
    client.connection.stream.uncork()
  })
}

const QUERY_CANCELED = '57014'
/**
 * 0A000: "cached plan must not change result type", after a migration. 26000: there is no such statement,
 * because the query before, which was to prepare it, was cancelled.
 */
const UNUSABLE_STATEMENT = ['0A000', '26000']

const sqlState = (error: Error | null | undefined) =>
  error instanceof pg.DatabaseError ? error.code : undefined

/** Postgres said nothing, or that it ends this connection (57P01 admin_shutdown, 57P02, 57P03; 08…). */
const isBroken = (error: Error) => /^(57P|08)/.test(sqlState(error) ?? '08')

/** All connections were busy for too long. pg-pool tells it by this message only. */
const isPoolTimeout = (error: Error | undefined) =>
  error?.message === 'timeout exceeded when trying to connect'
