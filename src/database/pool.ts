/** The connections to Postgres, and the time limits of a query. */
import pg from 'pg'
import type { Config } from '../config.ts'
import { driverUrl } from '../database-url.ts'
import { catchConstructorErrors } from './new-connections.ts'

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
  // The rest of queryMs, 12 % of the deadline, is for the query.
  connectionMs: Math.round(deadlineMs * 0.78),
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
    connectionString: driverUrl(config.DATABASE_URL),
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
    onConnect: (client) => setUpSession(client, `${bound}set random_page_cost = 1.1`, connectionMs),
  })
  catchConstructorErrors(pool)
  // Without these listeners a restart of Postgres ends the process. The query at hand gets the error
  // anyway, and an idle connection that breaks is no news.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

/** pg-pool has no time limit for this query: a server that never answers it would keep its place in the pool. */
async function setUpSession(client: pg.ClientBase, text: string, timeoutMs: number) {
  const timer = setTimeout(() => (client as pg.Client).connection.stream.destroy(), timeoutMs)
  try {
    await client.query(text)
  } finally {
    clearTimeout(timer)
  }
}
