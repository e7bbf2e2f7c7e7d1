/** Checks that the account of JIT_CANARY_ACCOUNT can be sent. */
import type pg from 'pg'
import type { Config } from '../config.ts'
import type { AccountStatement } from '../database/account-statement.ts'
import type { Limits } from '../database/pool.ts'
import { lookUpAccount } from '../payload/look-up-account.ts'
import { type CheckResult, errorResult } from './check.ts'

export async function canaryAccount(
  { JIT_CANARY_ACCOUNT }: Config,
  pool: pg.Pool,
  statement: AccountStatement,
  limits: Limits,
): Promise<CheckResult[]> {
  if (JIT_CANARY_ACCOUNT === undefined) return []
  const found = await lookUpAccount(pool, statement, JIT_CANARY_ACCOUNT, {
    ...limits,
    ssnLast4: 'any',
  })
  return 'payload' in found
    ? []
    : [
        errorResult(
          `the account of JIT_CANARY_ACCOUNT cannot be sent: ${found.problem}`,
          'set JIT_CANARY_ACCOUNT to an account that stays in the database',
        ),
      ]
}
