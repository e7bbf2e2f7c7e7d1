/** Measures the lookup with the statement and the limits of `serve`. */
import { sql } from 'kysely'
import type pg from 'pg'
import { configuredStatement } from '../database/account-statement.ts'
import { columnsOf, isNull, read } from '../database/column-sql.ts'
import {
  AccountTooLargeError,
  AmbiguousAccountError,
  DatabaseUnavailableError,
  DeadlineExceededError,
  UnreadableAccountError,
} from '../database/database-errors.ts'
import { findAccount } from '../database/find-account.ts'
import { createPool, limitsWithin } from '../database/pool.ts'
import type { Relations } from '../database/relations.ts'
import { describeError } from '../log.ts'
import { formatNumber } from '../terminal/format.ts'
import { canaryAccount } from './canary-account.ts'
import { type CheckResult, check, errorResult, ok, warning } from './check.ts'
import { discardedRows } from './discarded-rows.ts'
import { compileSql, excludeUnreadableRows, type UnreadableRows } from './exclude-unreadable-rows.ts'

/** Postgres may change to a generic plan at the sixth execution of a named statement. */
const REPETITIONS = 8
const RANDOM_ACCOUNTS = 100
/** A person notices a longer delay. */
const SLOW_MS = 100

export const lookup = check({
  name: 'lookup',
  needs: ['pool', 'relations', 'readable'],
  settings: [
    'DATABASE_URL',
    'DATABASE_PREPARED_STATEMENTS',
    'JIT_DEADLINE_MS',
    'JIT_MAX_ANSWER_BYTES',
    'OMIT_FIELDS',
  ],
  async run({ pool, relations, config, isQuick, unreadable }) {
    const account = await largestAccount(pool, relations, isQuick, unreadable)
    if (!account)
      return [warning(`${relations.schema}.debt_accounts is empty`, 'load accounts, or correct the view')]
    const randomIds = await randomAccounts(pool, relations, isQuick, unreadable)
    const limits = limitsWithin(config.JIT_DEADLINE_MS)
    const servePool = createPool({ ...config, DATABASE_POOL_SIZE: 1 }, limits)
    const statement = configuredStatement(config, config.DATABASE_PREPARED_STATEMENTS)
    const measure = async (externalId: string) => {
      const start = performance.now()
      try {
        await findAccount(servePool, statement, externalId, limits)
      } catch (error) {
        // The check `data` reports this error.
        if (error instanceof AmbiguousAccountError) return undefined
        // The check `rows` reports this error.
        if (error instanceof UnreadableAccountError && unreadable) return undefined
        throw new LookupError(externalId, error)
      }
      return performance.now() - start
    }
    try {
      // Opens the connection and compiles the statement.
      await measure('')
      const { external_id, children } = account
      const label = `${external_id}, with ${children} ${children === 1 ? 'child' : 'children'}`
      const largest = await measureAll(
        Array.from({ length: REPETITIONS }, () => external_id),
        measure,
      )
      const random = await measureAll(randomIds, measure)
      const parts: string[] = []
      if (largest.length > 0) parts.push(`${ms(median(largest))} for the account ${label}`)
      if (random.length > 0)
        parts.push(
          `${formatNumber(random.length)} random accounts: p50 ${ms(median(random))}, worst ${ms(random.at(-1)!)}`,
        )
      const message = parts.join('; ') || 'no account could be read'
      return [
        ...(await canaryAccount(config, servePool, statement, limits)),
        ...(largest.length > 0 ? await discardedRows(pool, relations, external_id) : []),
        Math.max(median(largest), median(random)) > SLOW_MS
          ? warning(`slow: ${message}`, 'analyze the tables; look for functions and joins in the views')
          : ok(message),
      ]
    } catch (error) {
      if (!(error instanceof LookupError)) throw error
      return [failureOf(error)]
    } finally {
      await servePool.end()
    }
  },
})

class LookupError extends Error {
  readonly externalId: string
  constructor(externalId: string, cause: unknown) {
    super('the lookup fails', { cause })
    this.externalId = externalId
  }
}

function failureOf({ externalId, cause }: LookupError): CheckResult {
  const account = externalId && ` of ${externalId}`
  if (cause instanceof DeadlineExceededError)
    return errorResult(
      `the lookup${account} does not finish within the time limit of \`serve\``,
      'create the missing indexes; EXPLAIN ANALYZE shows what is slow',
    )
  if (cause instanceof AccountTooLargeError)
    return errorResult(
      `the lookup${account} fails: ${cause.message}`,
      'correct the view, or raise JIT_MAX_ANSWER_BYTES',
    )
  const isDatabaseError = cause instanceof DatabaseUnavailableError || cause instanceof UnreadableAccountError
  const { type, code, message = code ?? type } = describeError(isDatabaseError ? cause.cause : cause)
  return errorResult(`the lookup${account} fails: ${message}`, 'correct the row or the view')
}

/** @returns milliseconds, sorted */
async function measureAll(
  ids: string[],
  measure: (id: string) => Promise<number | undefined>,
): Promise<number[]> {
  const times: number[] = []
  for (const id of ids) {
    const time = await measure(id)
    if (time !== undefined) times.push(time)
  }
  return times.sort((a, b) => a - b)
}

const median = (sorted: number[]) => sorted[Math.floor(sorted.length / 2)] ?? 0
const ms = (value: number) => `${value.toFixed(1)} ms`

/** Returns the account with the most children, or with `isQuick` any account. */
async function largestAccount(
  pool: pg.Pool,
  relations: Relations,
  isQuick: boolean,
  unreadable: UnreadableRows | undefined,
): Promise<{ external_id: string; children: number } | undefined> {
  const [account, child] = ['account', 'child'].map((alias) => columnsOf(relations, 'debt_accounts', alias))
  const accounts = excludeUnreadableRows(relations, unreadable).debt_accounts
  const id = read(account!('external_id'))
  const parent = child!('parent_external_id')
  const families = sql`
    select ${id} as external_id, sum(count)::int as children from ${accounts} as account
    join (select ${read(parent)} as parent, count(*) as count from ${accounts} as child
      where not ${isNull(parent)} group by 1) as family on ${id} = family.parent
    group by 1 order by 2 desc, 1 limit 1`
  const any = sql`select ${id} as external_id, 0 as children from ${accounts} as account
    where external_id is not null limit 1`
  for (const query of isQuick ? [any] : [families, any]) {
    const { rows } = await pool.query<{ external_id: string; children: number }>(compileSql(relations, query))
    if (rows[0]) return rows[0]
  }
  return undefined
}

async function randomAccounts(
  pool: pg.Pool,
  relations: Relations,
  isQuick: boolean,
  unreadable: UnreadableRows | undefined,
): Promise<string[]> {
  const id = read(columnsOf(relations, 'debt_accounts', 'account')('external_id'))
  const { rows } = await pool.query<{ external_id: string }>(
    compileSql(
      relations,
      sql`select ${id} as external_id from ${excludeUnreadableRows(relations, unreadable).debt_accounts} as account
        where external_id is not null ${isQuick ? sql`` : sql`order by random()`} limit ${sql.lit(RANDOM_ACCOUNTS)}`,
    ),
  )
  return rows.map(({ external_id }) => external_id)
}
