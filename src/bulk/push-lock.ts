/** One push at a time for a database. */
import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import { UserFacingError } from '../user-facing-error.ts'
import type { Run } from './runs.ts'

/** Another push holds the lock. */
class PushAlreadyRunningError extends UserFacingError {}

/** Postgres may not have noticed yet that a killed process is gone. */
const TIMEOUT_MS = 2000
const RETRY_MS = 200

const LOCK = `hashtextextended('tratta_jit.bulk', 0)`

/** Whether a push holds the lock, as an expression in SQL. */
export const PUSH_IS_RUNNING = `exists (select from pg_locks, ${LOCK} as key
  where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())
    and granted and objsubid = 1
    and classid::bigint = (key >> 32) & 4294967295 and objid::bigint = key & 4294967295)`

export async function isPushRunning(pool: pg.Pool): Promise<boolean> {
  const { rows } = await pool.query<{ running: boolean }>(`select ${PUSH_IS_RUNNING} as running`)
  return rows[0]!.running
}

/**
 * Acquires the lock that a push holds while it runs.
 *
 * The lock belongs to an open transaction without statements: PgBouncer in transaction mode keeps a connection for
 * it (a lock of the session would move to another client), and Postgres ends the transaction of a process that
 * dies. The transaction has no snapshot, so it does not block vacuum.
 * @param onLost called when the connection breaks, and the lock is gone
 * @returns releases the lock
 * @throws {PushAlreadyRunningError}
 */
export async function lockPushes(pool: pg.Pool, onLost: () => void): Promise<() => Promise<void>> {
  const client = await pool.connect()
  try {
    for (let waited = 0; ; waited += RETRY_MS) {
      await client.query('begin')
      await client.query('set local idle_in_transaction_session_timeout = 0')
      const { rows } = await client.query<{ locked: boolean }>(
        `select pg_try_advisory_xact_lock(${LOCK}) as locked`,
      )
      if (rows[0]!.locked) break
      await client.query('rollback')
      if (waited >= TIMEOUT_MS) throw new PushAlreadyRunningError(await runningPush(pool))
      await pause(RETRY_MS)
    }
  } catch (error) {
    client.release(!(error instanceof PushAlreadyRunningError))
    throw error
  }
  let isHeld = true
  client.on('end', () => isHeld && onLost())
  return async () => {
    if (!isHeld) return
    isHeld = false
    await client.query('rollback').then(
      () => client.release(),
      () => client.release(true),
    )
  }
}

async function runningPush(pool: pg.Pool): Promise<string> {
  const { rows } = await pool.query<Pick<Run, 'ended_at' | 'resumed_at' | 'pid' | 'host'>>(
    'select ended_at, resumed_at, pid, host from tratta_jit.bulk_runs order by resumed_at desc limit 1',
  )
  const [run] = rows
  if (!run || run.ended_at) return 'A push is starting on this database'
  const since = run.resumed_at.toISOString().replace(/\.\d+/, '')
  return `A push runs on this database: process ${run.pid} on ${run.host}, since ${since}. Two at once would send twice.`
}
