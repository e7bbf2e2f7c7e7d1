/** The errors of a query, and the classification of errors of Postgres and of the driver. */
import pg from 'pg'
import { sqlStateMeaning } from '../log.ts'

/** Postgres is unreachable or unavailable. */
export class DatabaseUnavailableError extends Error {
  /** Another attempt may get a working connection. */
  readonly retryable: boolean
  constructor(cause: unknown, retryable: boolean) {
    super('Postgres is unavailable', { cause })
    this.retryable = retryable
  }
}

/** The data of the replica is older than DATABASE_REPLICA_MAX_LAG_MS. */
export class StaleReplicaError extends Error {}

/** More queries wait for a connection than Postgres can answer in time. */
export class DatabaseBusyError extends Error {}

/** Postgres did not answer in time. */
export class DeadlineExceededError extends Error {}

/** Postgres answered with an error about the statement or its data, for example a failing cast in a view. */
export class QueryError extends Error {
  readonly sqlState: string
  constructor(cause: pg.DatabaseError, sqlState: string) {
    super(`${sqlStateMeaning(sqlState)} (${sqlState})`, { cause })
    this.sqlState = sqlState
  }
}

/** A view fails for this account. */
export class UnreadableAccountError extends Error {
  constructor(cause: QueryError) {
    super(`a view fails for this account: ${cause.message}`, { cause: cause.cause })
  }
}

/** The answer has more bytes than JIT_MAX_ANSWER_BYTES. */
export class AccountTooLargeError extends Error {
  constructor(bytes: number, maxBytes: number) {
    super(`the answer has ${bytes} bytes, JIT_MAX_ANSWER_BYTES is ${maxBytes}`)
  }
}

export type AmbiguousRelation = 'debt_account' | 'customer' | 'location' | 'child_debt_accounts'

/** A view gives more than one row for the account, its customer, its location or one of its children. */
export class AmbiguousAccountError extends Error {
  /** Tratta's name of the resource. */
  readonly relation: AmbiguousRelation
  constructor(relation: AmbiguousRelation) {
    super(`${relation} exists more than once`)
    this.relation = relation
  }
}

const QUERY_CANCELED = '57014'

/**
 * 0A000: "cached plan must not change result type", after a migration. 26000: the statement does not exist,
 * because the query that was to prepare it was canceled.
 */
const UNUSABLE_STATEMENT = ['0A000', '26000']

/**
 * Classes that are not caused by a row or a view: connections (08), transaction state (25), sessions (26, 28,
 * 3D, 42P05), serialization and deadlocks (40), resources (53), locks (55), operators (57), the system (58),
 * snapshots (72), rights (42501), and the connection of a foreign table (HV…).
 */
const UNAVAILABLE = /^(08|25|26|28|3D|40|53|55|57|58|72|42501|42P05|HV00[1KLMN])/

/** The SQLSTATE; undefined for errors that are not from Postgres. */
export const sqlState = (error: unknown) => (error instanceof pg.DatabaseError ? error.code : undefined)

/** Schemas (3F), statements (42) and internal errors (XX), except types that do not match (42804). */
const NOT_A_ROW = /^(3F|42(?!804)|XX)/

/** Whether a row made an expression of a view fail: not the server, a privilege, the syntax or an unknown name. */
export function isCausedByRow(error: unknown): boolean {
  const code = sqlState(error)
  return code !== undefined && !UNAVAILABLE.test(code) && !NOT_A_ROW.test(code)
}

/** The prepared statement can no longer be executed, but its text can. */
export const isUnusableStatement = (error: Error | null) => UNUSABLE_STATEMENT.includes(sqlState(error) ?? '')

/** The connection failed, or Postgres ends it (57P01 admin_shutdown, 57P02, 57P03; 08…). */
export const isBroken = (error: Error) => /^(57P|08)/.test(sqlState(error) ?? '08')

/**
 * Whether the connection must not be used again. A statement that was canceled while it was being prepared:
 * for PgBouncer its name is used, for pg it is unused.
 */
export const endsConnection = (error: Error) => isBroken(error) || sqlState(error) === QUERY_CANCELED

/** Classifies an error of a query that was sent. */
export function queryError(error: Error): QueryError | DatabaseUnavailableError | DeadlineExceededError {
  const code = sqlState(error)
  if (code === QUERY_CANCELED) return new DeadlineExceededError()
  if (code !== undefined && !UNAVAILABLE.test(code)) return new QueryError(error as pg.DatabaseError, code)
  return new DatabaseUnavailableError(error, isBroken(error) || code?.startsWith('40') === true)
}

/** Classifies an error of the pool. The message is the only mark of a full pool in pg-pool. */
export const connectionError = (error: Error | undefined): DatabaseUnavailableError | DatabaseBusyError =>
  error?.message === 'timeout exceeded when trying to connect'
    ? new DatabaseBusyError()
    : new DatabaseUnavailableError(error, false)
