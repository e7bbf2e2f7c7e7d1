import { type Config, readConfig } from '../config.ts'
import { accountStatement } from '../database/account-statement.ts'
import { createPool, limitsWithin } from '../database/pool.ts'
import { type AccountLookup, lookUpAccount } from '../payload/look-up-account.ts'
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

/** Returns the payload of a call, or the error. */
export async function lookUp(config: Config<'DATABASE_URL'>, externalId: string): Promise<AccountLookup> {
  const limits = limitsWithin(config.JIT_DEADLINE_MS)
  const pool = createPool(config, limits)
  try {
    const statement = accountStatement(config.DATABASE_SCHEMA, false, config.JIT_MAX_ANSWER_BYTES)
    return await lookUpAccount(pool, statement, externalId, limits)
  } finally {
    await pool.end()
  }
}
