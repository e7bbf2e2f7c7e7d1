/** The errors of Postgres and of the connection to it as a person reads them, the same in every command. */
import pg from 'pg'
import { UserFacingError } from '../user-facing-error.ts'
import { BY_CODE, BY_MESSAGE, BY_SQLSTATE, type Entry } from './connection-problems.ts'
import { DatabaseBusyError, DeadlineExceededError } from './database-errors.ts'

/** The message never contains a part of DATABASE_URL. */
class UnusableDatabaseError extends UserFacingError {
  declare readonly remedy: string
  /** The same attempt can succeed later without a change of settings. */
  readonly isTransient: boolean
  constructor([, problem, remedy, isTransient = false]: Entry, cause: unknown) {
    super(`The database cannot be used: ${problem}`, { remedy, cause })
    this.isTransient = isTransient
  }
}

/** @returns undefined for an error that neither Postgres nor the connection to it caused */
export function databaseError(error: unknown): UnusableDatabaseError | undefined {
  const entry = findEntry(error)
  return entry && new UnusableDatabaseError(entry, error)
}

/**
 * The error as a person reads it: an error with a message of ours, here or as a cause, or what is wrong with the
 * database.
 * @returns undefined for an unexpected error
 */
export function userFacing(error: unknown): UserFacingError | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (cause instanceof UserFacingError) return cause
  return databaseError(error)
}

const NO_ANSWER: Entry = [
  /^/,
  'Postgres does not answer in time',
  'Check that it is running and that this machine reaches it; find what blocks it in pg_stat_activity',
  true,
]

function findEntry(error: unknown): Entry | undefined {
  if (!(error instanceof Error)) return undefined
  if (error instanceof DatabaseBusyError || error instanceof DeadlineExceededError) return NO_ANSWER
  if (error instanceof AggregateError && error.errors.length > 0) return findEntry(error.errors[0])
  const { code } = error as NodeJS.ErrnoException
  const found =
    error instanceof pg.DatabaseError
      ? (match(BY_SQLSTATE, code ?? '') ?? otherSqlState(code))
      : ((code === undefined ? undefined : match(BY_CODE, code)) ?? match(BY_MESSAGE, error.message))
  return found ?? (error.cause === undefined ? undefined : findEntry(error.cause))
}

const otherSqlState = (code: string | undefined): Entry => [
  /^/,
  `Postgres reports an error (SQLSTATE ${code ?? 'unknown'})`,
  'Run `tratta-jit check`, and see the log of Postgres',
]

const match = (entries: readonly Entry[], text: string) => entries.find(([pattern]) => pattern.test(text))
