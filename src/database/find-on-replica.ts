/**
 * Looks an account up at DATABASE_REPLICA_URL when the connection to the primary fails. The bound of
 * DATABASE_REPLICA_MAX_LAG_MS is checked in the statement of the lookup, so that it holds for its rows.
 */
import type pg from 'pg'
import type { AccountRow } from './account-row.ts'
import type { AccountStatement } from './account-statement.ts'
import { DatabaseUnavailableError, isBroken, StaleReplicaError } from './database-errors.ts'
import { findAccount, type LookupOptions } from './find-account.ts'

export interface Source {
  pool: pg.Pool
  statement: AccountStatement
}

export interface Sources extends Source {
  replica?: Source | undefined
}

/** What the replica did: it answered, its data was too old, or it did not answer. */
export const REPLICA_USES = ['used', 'stale', 'unavailable'] as const
export type ReplicaUse = (typeof REPLICA_USES)[number]

interface Options extends LookupOptions {
  onReplica?: (use: ReplicaUse) => void
}

/** As `findAccount`. An error of the connection to the replica is thrown as the error of the primary. */
export async function findAccountOrReplica(
  { pool, statement, replica }: Sources,
  externalId: string,
  { onReplica, ...options }: Options,
): Promise<AccountRow | undefined> {
  const until = performance.now() + options.queryMs
  try {
    return await findAccount(pool, statement, externalId, options)
  } catch (primaryError) {
    if (!replica || !isConnectionError(primaryError)) throw primaryError
    try {
      const queryMs = until - performance.now()
      const row = await findAccount(replica.pool, replica.statement, externalId, { ...options, queryMs })
      onReplica?.('used')
      return row
    } catch (error) {
      if (!(error instanceof StaleReplicaError || error instanceof DatabaseUnavailableError)) throw error
      onReplica?.(error instanceof StaleReplicaError ? 'stale' : 'unavailable')
      throw primaryError
    }
  }
}

const isConnectionError = (error: unknown) =>
  error instanceof DatabaseUnavailableError &&
  error.cause instanceof Error &&
  isConnectionFailure(error.cause)

/** Not an error about our own relations, whose code is 42P17. */
const isConnectionFailure = (cause: Error & { code?: string }) => cause.code !== '42P17' && isBroken(cause)
