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

/** For each connection of the pool so many queries may wait: a burst, and not more memory than that. */
const MOST_WAITING_PER_CONNECTION = 100

export interface Limits {
  /** The waiting for a connection, new or free. */
  connectionMs: number
  /** The statement, by Postgres's own clock. */
  statementMs: number
  /** All of it. When this passes the connection is thrown away, for Postgres may never speak on it again. */
  queryMs: number
}

/** Nested, so that the innermost bound that can still act does, and all end before the deadline. */
export const limitsWithin = (deadlineMs: number): Limits => ({
  connectionMs: Math.round(deadlineMs * 0.15),
  statementMs: Math.round(deadlineMs * 0.6),
  queryMs: Math.round(deadlineMs * 0.9),
})

export function createPool(
  config: Config<'DATABASE_URL'>,
  { connectionMs, statementMs }: Pick<Limits, 'connectionMs' | 'statementMs'>,
): pg.Pool {
  const pool = new pg.Pool({
    connectionString: config.DATABASE_URL,
    max: config.DATABASE_POOL_SIZE,
    application_name: 'tratta-jit',
    connectionTimeoutMillis: connectionMs,
    // Keeps a firewall between us from forgetting a quiet connection.
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    idleTimeoutMillis: 60_000,
    // Not as a start-up parameter: PgBouncer refuses it.
    onConnect: (client) => client.query(`set statement_timeout = ${statementMs}`),
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

function attempt<Row extends pg.QueryResultRow>(
  pool: pg.Pool,
  query: Query,
  values: unknown[],
  deadline: number,
): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    if (pool.waitingCount >= pool.options.max * MOST_WAITING_PER_CONNECTION) return reject(new DatabaseBusy())
    let throwAway = () => {}
    let timedOut = false
    const timer = setTimeout(() => {
      timedOut = true
      throwAway()
      reject(new DeadlinePassed())
    }, deadline - performance.now())
    pool.connect((error, client, release) => {
      if (timedOut) return release()
      if (error || !client) {
        clearTimeout(timer)
        return reject(isPoolTimeout(error) ? new DatabaseBusy() : new DatabaseAway(error, false))
      }
      throwAway = () => release(true)
      let stale = false
      const settle = (error: Error | null, result: pg.QueryResult<Row>) => {
        if (timedOut) return
        clearTimeout(timer)
        release(stale || (error !== null && isBroken(error)))
        if (!error) resolve(result.rows)
        else if (sqlState(error) === QUERY_CANCELED) reject(new DeadlinePassed())
        else reject(new DatabaseAway(error, isBroken(error)))
      }
      client.query<Row>({ ...query, values }, (error, result) => {
        // A migration changed a type below the prepared statement: plan it anew, this once without a name.
        stale = query.name !== undefined && !timedOut && sqlState(error) === FEATURE_NOT_SUPPORTED
        if (stale) client.query<Row>({ text: query.text, values }, settle)
        else settle(error, result)
      })
    })
  })
}

const QUERY_CANCELED = '57014'
/** "cached plan must not change result type" */
const FEATURE_NOT_SUPPORTED = '0A000'

const sqlState = (error: Error | null | undefined) =>
  error instanceof pg.DatabaseError ? error.code : undefined

/** Postgres said nothing, or that it ends this connection (57P01 admin_shutdown, 57P02, 57P03; 08…). */
const isBroken = (error: Error) => /^(57P|08)/.test(sqlState(error) ?? '08')

/** All connections were busy for too long. pg-pool tells it by this message only. */
const isPoolTimeout = (error: Error | undefined) =>
  error?.message === 'timeout exceeded when trying to connect'
