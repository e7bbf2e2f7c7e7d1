import { type Config, readConfig } from '../config.ts'
import type { JitPayload } from '../contract.ts'
import { accountStatement } from '../database/account-statement.ts'
import { userFacing } from '../database/connection-errors.ts'
import {
  AccountTooLargeError,
  AmbiguousAccountError,
  UnreadableAccountError,
} from '../database/database-errors.ts'
import { findAccount } from '../database/find-account.ts'
import { createPool, limitsWithin } from '../database/pool.ts'
import { buildPayload } from '../payload/build-payload.ts'
import { type OmittedField, UnsendableAccountError } from '../payload/omit-invalid-fields.ts'
import { print, printError, printJson } from '../terminal/output.ts'
import { printable } from '../terminal/printable.ts'
import { DONE, fail, type Options } from './command.ts'

export async function lookupCommand(options: Options, [externalId = '']: string[]): Promise<number> {
  const found = await lookUp(readConfig(process.env, 'DATABASE_URL'), externalId)
  if ('problem' in found) return fail(found.problem, options)
  const { payload, omitted } = found
  if (options.json)
    await printJson({ payload, omitted: omitted.map(({ field, reason }) => ({ field, reason })) })
  else {
    await print(JSON.stringify(payload, null, 2))
    for (const { field, reason } of omitted) printError(printable(`omitted: ${field} ${reason}`))
  }
  return DONE
}

const ACCOUNT_ERRORS = [
  AccountTooLargeError,
  AmbiguousAccountError,
  UnreadableAccountError,
  UnsendableAccountError,
]

/** Returns the payload of a call, or the error. */
export async function lookUp(
  config: Config<'DATABASE_URL'>,
  externalId: string,
): Promise<{ payload: JitPayload; omitted: OmittedField[] } | { problem: string }> {
  const limits = limitsWithin(config.JIT_DEADLINE_MS)
  const pool = createPool(config, limits)
  try {
    const statement = accountStatement(config.DATABASE_SCHEMA, false, config.JIT_MAX_ANSWER_BYTES)
    const row = await findAccount(pool, statement, externalId, limits)
    return row ? buildPayload(row) : { problem: 'No such debt account' }
  } catch (error) {
    if (ACCOUNT_ERRORS.some((type) => error instanceof type))
      return { problem: `Tratta would get an error: ${(error as Error).message}` }
    const known = userFacing(error)
    if (known) return { problem: known.message }
    throw error
  } finally {
    await pool.end()
  }
}
