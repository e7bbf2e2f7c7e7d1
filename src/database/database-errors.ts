/** The errors of a query, and how an error of Postgres or of the driver is classified. */
import pg from 'pg'

/** Postgres cannot be reached, or cannot answer now. */
export class DatabaseUnavailableError extends Error {
  /** Another attempt may find a connection that works. */
  readonly retryable: boolean
  constructor(cause: unknown, retryable: boolean) {
    super('Postgres cannot answer', { cause })
    this.retryable = retryable
  }
}

/** More queries wait for a connection than Postgres can answer in time. */
export class DatabaseBusyError extends Error {}

/** Postgres did not answer in time. */
export class DeadlineExceededError extends Error {}

/** A view gives more than one row for the account, its customer or its location. */
export class AmbiguousAccountError extends Error {
  override message = 'the account, its customer or its location is there twice'
}

export const QUERY_CANCELED = '57014'

/**
 * 0A000: "cached plan must not change result type", after a migration. 26000: the statement does not exist,
 * because the query that was to prepare it was canceled.
 */
const UNUSABLE_STATEMENT = ['0A000', '26000']

/** The five characters with which Postgres names an error; undefined for any other error. */
export const sqlState = (error: unknown) => (error instanceof pg.DatabaseError ? error.code : undefined)

/** The prepared statement cannot be executed any more, but its text can. */
export const isUnusableStatement = (error: Error | null) => UNUSABLE_STATEMENT.includes(sqlState(error) ?? '')

/** The connection failed, or Postgres ends it (57P01 admin_shutdown, 57P02, 57P03; 08…). */
export const isBroken = (error: Error) => /^(57P|08)/.test(sqlState(error) ?? '08')

/** All connections were in use for too long. pg-pool has only this message for it. */
export const isPoolTimeout = (error: Error | undefined) =>
  error?.message === 'timeout exceeded when trying to connect'
