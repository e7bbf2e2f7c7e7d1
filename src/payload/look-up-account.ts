/** The payload of an account for people: `lookup`, `trigger` and the console. The JIT route has limits of its own. */
import type pg from 'pg'
import type { JitPayload } from '../contract.ts'
import type { AccountStatement } from '../database/account-statement.ts'
import { userFacing } from '../database/connection-errors.ts'
import {
  AccountTooLargeError,
  AmbiguousAccountError,
  UnreadableAccountError,
} from '../database/database-errors.ts'
import { findAccount } from '../database/find-account.ts'
import type { Limits } from '../database/pool.ts'
import { buildPayload } from './build-payload.ts'
import type { SsnLast4Format } from './column-values.ts'
import { type OmittedField, UnsendableAccountError } from './omit-invalid-fields.ts'

/** `problem`: a sentence without values of the account. `error` is its cause; absent when the account does not exist. */
export type AccountLookup =
  | { payload: JitPayload; omitted: OmittedField[] }
  | { problem: string; error?: unknown }

const ACCOUNT_ERRORS = [
  AccountTooLargeError,
  AmbiguousAccountError,
  UnreadableAccountError,
  UnsendableAccountError,
]

/** @throws an unexpected error */
export async function lookUpAccount(
  pool: pg.Pool,
  statement: AccountStatement,
  externalId: string,
  { ssnLast4, ...limits }: Pick<Limits, 'queryMs'> & { ssnLast4: SsnLast4Format },
): Promise<AccountLookup> {
  try {
    const row = await findAccount(pool, statement, externalId, limits)
    return row ? buildPayload(row, ssnLast4) : { problem: 'No such debt account' }
  } catch (error) {
    if (ACCOUNT_ERRORS.some((type) => error instanceof type))
      return { problem: `Tratta would get an error: ${(error as Error).message}`, error }
    const known = userFacing(error)
    if (known) return { problem: known.message, error }
    throw error
  }
}
