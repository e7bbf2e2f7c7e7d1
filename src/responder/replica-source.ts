import type { Config } from '../config.ts'
import type { AccountStatement } from '../database/account-statement.ts'
import type { Source } from '../database/find-on-replica.ts'
import { createPool, limitsWithin } from '../database/pool.ts'

/** DATABASE_REPLICA_URL. The pool opens no connection before the first call that needs it. */
export function replicaSource(
  config: Config<'DATABASE_URL'>,
  statement: AccountStatement,
): Source | undefined {
  const { DATABASE_REPLICA_URL, DATABASE_REPLICA_MAX_LAG_MS } = config
  if (!DATABASE_REPLICA_URL) return undefined
  const pool = createPool(
    { ...config, DATABASE_URL: DATABASE_REPLICA_URL },
    limitsWithin(config.JIT_DEADLINE_MS),
  )
  return { pool, statement: { ...statement, maxLagMs: DATABASE_REPLICA_MAX_LAG_MS } }
}
