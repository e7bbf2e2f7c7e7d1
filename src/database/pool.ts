/** The connections to Postgres, and the time limits of a query. */
import pg from 'pg'
import type { Config } from '../config.ts'
import { driverUrl } from '../database-url.ts'
import { catchConstructorErrors } from './new-connections.ts'

export interface Limits {
  /** The time limit for getting a connection, new or idle. */
  connectionMs: number
  /** statement_timeout; 0 keeps the value of the role. */
  statementMs: number
  /**
   * The time limit of the whole query. The connection is then destroyed, because Postgres may never answer on
   * it.
   */
  queryMs: number
}

/** Nested limits: the innermost limit that still works ends the query, and all end before the deadline. */
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
  // Never set to 0: behind PgBouncer in transaction mode the next client of the connection would inherit it.
  const timeout = statementMs > 0 ? `set statement_timeout = ${statementMs}; ` : ''
  const pool = new pg.Pool({
    connectionString: driverUrl(config.DATABASE_URL),
    max: config.DATABASE_POOL_SIZE,
    application_name: 'tratta-jit',
    connectionTimeoutMillis: connectionMs,
    // Keeps a firewall from dropping an idle connection.
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    idleTimeoutMillis: 60_000,
    // Not as startup parameters, which PgBouncer rejects.
    // random_page_cost: the requested rows are usually in memory, where random access is not slower. With the
    // default of 4, Postgres reads all of a relation of a few pages for every call, although it has an index.
    onConnect: (client) => setUpSession(client, `${timeout}set random_page_cost = 1.1`, connectionMs),
  })
  catchConstructorErrors(pool)
  // Without these listeners a restart of Postgres ends the process. The running query gets the error
  // anyway, and an error of an idle connection can be ignored.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

/**
 * pg-pool has no time limit for this query. Without one, a silent server would occupy a slot of the pool
 * forever.
 */
async function setUpSession(client: pg.ClientBase, text: string, timeoutMs: number) {
  const timer = setTimeout(() => (client as pg.Client).connection.stream.destroy(), timeoutMs)
  try {
    await client.query(text)
  } finally {
    clearTimeout(timer)
  }
}
