import { type Config, readConfig } from '../config.ts'
import { configuredStatement } from '../database/account-statement.ts'
import { createPool, limitsWithin } from '../database/pool.ts'
import { type AccountLookup, lookUpAccount } from '../payload/look-up-account.ts'
import type { Outcome } from '../responder/problem.ts'
import { problemOfError } from '../responder/problem-of-error.ts'
import { print, printError, printJson } from '../terminal/output.ts'
import { printable } from '../terminal/printable.ts'
import { loadReadings } from '../tratta/readings.ts'
import { auditRead } from './audit-read.ts'
import { DONE, fail, type Options } from './command.ts'

export async function lookupCommand(options: Options, [externalId = '']: string[]): Promise<number> {
  const config = readConfig(process.env, 'DATABASE_URL')
  const found = await lookUp(config, externalId)
  if (wasRead(found)) await auditRead(config, { command: 'lookup', externalId })
  if ('problem' in found) return fail(found.problem, options)
  const { payload, omitted } = found
  if (options.json)
    await printJson({
      payload,
      omitted: omitted.map(({ field, reason }) => ({ field, reason })),
      ...(config.OMIT_FIELDS.length > 0 && { withheld: config.OMIT_FIELDS }),
    })
  else {
    await print(JSON.stringify(payload, null, 2))
    for (const { field, reason } of omitted) printError(printable(`omitted: ${field} ${reason}`))
    if (config.OMIT_FIELDS.length > 0) printError(`withheld by OMIT_FIELDS: ${config.OMIT_FIELDS.join(', ')}`)
  }
  return DONE
}

/** The outcome that a call would have. */
export const outcomeOf = (found: AccountLookup): Outcome =>
  'payload' in found
    ? 'answered'
    : found.error === undefined
      ? 'account_not_found'
      : problemOfError(found.error)[0]

const NOT_READ: Outcome[] = ['database_unavailable', 'database_busy', 'deadline_exceeded', 'internal_error']

/** Whether the database answered, so that the person knows something about the account. */
export const wasRead = (found: AccountLookup) => !NOT_READ.includes(outcomeOf(found))

/** Returns the payload of a call, or the error. */
export async function lookUp(config: Config<'DATABASE_URL'>, externalId: string): Promise<AccountLookup> {
  const limits = limitsWithin(config.JIT_DEADLINE_MS)
  const pool = createPool(config, limits)
  try {
    const statement = configuredStatement(config)
    const { ssnLast4 } = await loadReadings(pool, config)
    return await lookUpAccount(pool, statement, externalId, { ...limits, ssnLast4 })
  } finally {
    await pool.end()
  }
}
