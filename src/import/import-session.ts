/** The connection of an import, and its transaction. */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { driverUrl } from '../database-url.ts'
import { UserFacingError } from '../user-facing-error.ts'

/** Postgres can take a moment to notice that a process was killed. */
const LOCK_TIMEOUT_MS = 3000
const LOCK_RETRY_MS = 200

export function createClient(databaseUrl: string) {
  const client = new pg.Client({
    connectionString: driverUrl(databaseUrl),
    application_name: 'tratta-jit import',
    connectionTimeoutMillis: 30_000,
    keepAlive: true,
  })
  // The running statement fails with the same error.
  client.on('error', () => {})
  return client
}

/**
 * Starts the transaction and takes the lock that allows one import at a time.
 * @throws {UserFacingError}
 */
export async function beginImport(client: pg.Client) {
  // Sorting millions of ids is faster than hashing more than work_mem.
  await client.query(`
    begin;
    set local statement_timeout = 0;
    set local idle_in_transaction_session_timeout = 0;
    set local work_mem = '64MB';
    set local temp_buffers = '32MB';
    set local default_statistics_target = 10;
    set local enable_hashagg = off;`)
  // Postgres cancels the running statement when this process ends.
  await client.query(
    `select set_config(name, '2s', true) from pg_settings
     where name = 'client_connection_check_interval' and version() ~ 'linux'`,
  )
  for (let waited = 0; ; waited += LOCK_RETRY_MS) {
    const { rows } = await client.query<{ locked: boolean }>(
      "select pg_try_advisory_xact_lock(hashtextextended('tratta_jit.import', 0)) as locked",
    )
    if (rows[0]!.locked) return
    if (waited >= LOCK_TIMEOUT_MS)
      throw new UserFacingError('Another import is running on this database: only one can run at a time')
    await sleep(LOCK_RETRY_MS)
  }
}
