/** The outcome of a call whose lookup or payload fails. */
import {
  AccountTooLargeError,
  AmbiguousAccountError,
  DatabaseBusyError,
  DatabaseUnavailableError,
  DeadlineExceededError,
  UnreadableAccountError,
} from '../database/database-errors.ts'
import { UnsendableAccountError } from '../payload/omit-invalid-fields.ts'
import type { ProblemCode, ProblemDetails } from './problem.ts'

const RETRY_AFTER_SECONDS = 1

export function problemOfError(
  error: unknown,
): [ProblemCode, (ProblemDetails & { retryAfterSeconds?: number })?] {
  if (error instanceof DatabaseUnavailableError)
    return ['database_unavailable', { retryAfterSeconds: RETRY_AFTER_SECONDS }]
  if (error instanceof DatabaseBusyError) return ['database_busy', { retryAfterSeconds: RETRY_AFTER_SECONDS }]
  if (error instanceof DeadlineExceededError) return ['deadline_exceeded']
  if (error instanceof UnsendableAccountError)
    return ['account_not_sendable', { field: error.field, detail: error.message }]
  if (error instanceof AmbiguousAccountError)
    return ['account_not_sendable', { field: error.relation, detail: error.message }]
  if (error instanceof UnreadableAccountError) return ['account_not_readable', { detail: error.message }]
  if (error instanceof AccountTooLargeError) return ['account_too_large', { detail: error.message }]
  return ['internal_error']
}
