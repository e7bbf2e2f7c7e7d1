/** Looks an account up: limits, errors, and a second query for a large answer. */
import type pg from 'pg'
import { type AccountRow, readAccount } from './account-row.ts'
import {
  type AccountStatement,
  type CompiledStatement,
  compile,
  type Statement,
} from './account-statement.ts'
import { findAmbiguousRelation } from './ambiguous-relation.ts'
import { boundedQuery } from './batched-query.ts'
import {
  AccountTooLargeError,
  AmbiguousAccountError,
  QueryError,
  StaleReplicaError,
  UnreadableAccountError,
} from './database-errors.ts'
import type { Limits } from './pool.ts'

/** The limits of one lookup. */
export interface LookupOptions extends Pick<Limits, 'queryMs'> {
  /** Awaited before Postgres sends a large answer. */
  beforeLargeAnswer?: (bytes: number) => Promise<void>
  /** Called when a query of the lookup has a connection. */
  onConnection?: () => void
}

/**
 * @returns undefined when the account does not exist, or when the encoding of the database cannot store the
 *   id
 * @throws {AmbiguousAccountError} instead of choosing one of two balances
 * @throws {AccountTooLargeError} before Postgres sends the answer
 * @throws {UnreadableAccountError} when a view fails for this account
 * @throws {DatabaseUnavailableError} with UnreadableRelationsError as its cause where required columns are
 *   missing
 * @throws {DatabaseBusyError}
 * @throws {DeadlineExceededError}
 */
export async function findAccount(
  pool: pg.Pool,
  statement: AccountStatement,
  externalId: string,
  options: LookupOptions,
): Promise<AccountRow | undefined> {
  const lookup = { pool, statement, externalId, options, until: performance.now() + options.queryMs }
  const compiled = statement.compiled ?? (await compile(pool, statement, options))
  try {
    return await runLookup(lookup, compiled)
  } catch (error) {
    if (!(error instanceof QueryError)) throw error
    if (!HAS_CHANGED.includes(error.sqlState)) return handleQueryError(lookup, compiled, error)
  }
  const recompiled = await compile(pool, statement, remaining(lookup))
  try {
    return await runLookup(lookup, recompiled)
  } catch (error) {
    if (!(error instanceof QueryError)) throw error
    return handleQueryError(lookup, recompiled, error)
  }
}

interface Lookup {
  pool: pg.Pool
  statement: AccountStatement
  externalId: string
  options: LookupOptions
  until: number
}

const remaining = ({ until }: Lookup) => ({ queryMs: until - performance.now() })

async function runLookup(lookup: Lookup, { inline, large }: CompiledStatement) {
  const { statement, options } = lookup
  const { maxBytes } = statement
  let answer = await sendLookup(lookup, inline)
  if (typeof answer === 'number') {
    if (answer > maxBytes) throw new AccountTooLargeError(answer, maxBytes)
    await options.beforeLargeAnswer?.(answer)
    answer = await sendLookup(lookup, large)
    if (typeof answer === 'number') throw new AccountTooLargeError(answer, maxBytes)
  }
  if (answer === undefined) return undefined
  const account = readAccount(answer)
  if (hasDuplicateChildren(account)) throw new AmbiguousAccountError('child_debt_accounts')
  return account
}

interface LookupRow {
  /** Null only on a replica: no such account, or not fresh. */
  account: string | null
  /** Only on a replica. */
  is_fresh?: boolean
}

/** @returns the account as JSON, or only its size in bytes */
async function sendLookup(lookup: Lookup, statement: Statement): Promise<string | number | undefined> {
  const { pool, externalId, options, until } = lookup
  const rows = await boundedQuery<LookupRow>(pool, statement, [externalId], {
    queryMs: until - performance.now(),
    onConnection: options.onConnection,
  })
  if (rows.length > 1) throw new AmbiguousAccountError('debt_account')
  if (rows[0]?.is_fresh === false) throw new StaleReplicaError()
  const account = rows[0]?.account ?? undefined
  return account === undefined || account.startsWith('[') ? account : Number(account)
}

/** Children are ordered by external_id, so duplicates are adjacent. */
const hasDuplicateChildren = ({ children = [] }: AccountRow) =>
  children.some(({ row }, at) => at > 0 && row.external_id === children[at - 1]!.row.external_id)

/** A table, column, type, schema or function does not exist. A view may have been changed. */
const HAS_CHANGED = ['3F000', '42P01', '42703', '42704', '42804', '42883']
const CARDINALITY_VIOLATION = '21000'
const ENCODING = ['22021', '22P05']

/** Finds the cause of an error with a second query, which successful lookups do not need. */
async function handleQueryError(lookup: Lookup, { relations }: CompiledStatement, error: QueryError) {
  const { pool, externalId } = lookup
  if (error.sqlState === CARDINALITY_VIOLATION) {
    const relation = await findAmbiguousRelation(pool, relations, externalId, remaining(lookup))
    if (relation) throw new AmbiguousAccountError(relation)
  }
  if (ENCODING.includes(error.sqlState) && !(await canStore(pool, externalId, remaining(lookup))))
    return undefined
  throw new UnreadableAccountError(error)
}

/** Whether the encoding of the database has every character of the text. */
async function canStore(pool: pg.Pool, text: string, limits: Pick<Limits, 'queryMs'>) {
  try {
    await boundedQuery(pool, { text: 'select $1::text' }, [text], limits)
    return true
  } catch (error) {
    if (error instanceof QueryError && ENCODING.includes(error.sqlState)) return false
    throw error
  }
}
