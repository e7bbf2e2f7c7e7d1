/** Checks that DATABASE_REPLICA_URL is a streaming replica. */
import pg from 'pg'
import type { Config } from '../config.ts'
import { databaseError } from '../database/connection-errors.ts'
import { driverUrl } from '../database-url.ts'
import { type CheckResult, errorResult, warning } from './check.ts'

const CONNECTION_MS = 5000

export async function replica({ DATABASE_REPLICA_URL }: Partial<Config>): Promise<CheckResult[]> {
  if (DATABASE_REPLICA_URL === undefined) return []
  const client = new pg.Client({
    connectionString: driverUrl(DATABASE_REPLICA_URL),
    connectionTimeoutMillis: CONNECTION_MS,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ is_replica: boolean }>('select pg_is_in_recovery() as is_replica')
    if (rows[0]?.is_replica) return []
    return [
      errorResult(
        'DATABASE_REPLICA_URL is not a streaming replica, so that it never answers a call',
        'name a hot standby of the primary, or remove DATABASE_REPLICA_URL',
      ),
    ]
  } catch (error) {
    const cause = databaseError(error)?.message ?? 'unexpected error'
    return [
      warning(`DATABASE_REPLICA_URL: ${cause}`, 'correct it: the replica is needed when the primary fails'),
    ]
  } finally {
    await client.end().catch(() => {})
  }
}
