/**
 * The one lookup: an account with its customer, its location and its children, in one statement.
 * It reads `debt_accounts`, `customers` and `locations` of DATABASE_SCHEMA, which are tables of ours or
 * views over somebody else's.
 */
import { hash } from 'node:crypto'
import { sql } from 'kysely'
import type pg from 'pg'
import { boundedQuery } from './batched-query.ts'
import { areSame, columnsOf, compilerFor, isText, list, read, rowOf } from './column-sql.ts'
import { AmbiguousAccountError, DatabaseUnavailableError } from './database-errors.ts'
import type { Limits } from './pool.ts'
import {
  CATALOG,
  type CatalogRow,
  CUSTOMER,
  DEBT_ACCOUNT,
  type Kind,
  LOCATION,
  type Relations,
  readable,
  relationsOf,
} from './relations.ts'

type RowOf<Columns extends Record<string, Kind>> = {
  [Column in keyof Columns]: Columns[Column] extends 'identifier' | 'text' | 'cents' ? string | null : unknown
}

/** A debt account as read: money is cents written as text. */
export type DebtAccountRow = RowOf<typeof DEBT_ACCOUNT>
export type CustomerRow = RowOf<typeof CUSTOMER>
export type LocationRow = RowOf<typeof LOCATION>

/** An account with what belongs to it. */
export interface AccountRow {
  debt_account: DebtAccountRow
  customer: CustomerRow | null
  location: LocationRow | null
  children: DebtAccountRow[] | undefined
}

/** Reads what rowOf gives. */
function rowReader<Columns extends Record<string, Kind>>(columns: Columns) {
  const names = Object.keys(columns)
  return (values: unknown[]): RowOf<Columns> => {
    const row: Record<string, unknown> = {}
    for (let at = 0; at < names.length; at++) row[names[at]!] = values[at]
    return row as RowOf<Columns>
  }
}

export const readDebtAccount: (values: unknown[]) => DebtAccountRow = rowReader(DEBT_ACCOUNT)
export const readCustomer: (values: unknown[]) => CustomerRow = rowReader(CUSTOMER)
export const readLocation: (values: unknown[]) => LocationRow = rowReader(LOCATION)

/** The lookup in a schema. It is compiled for the columns that are there, and anew when they have changed. */
export interface AccountStatement {
  schema: string
  /** As a named prepared statement. */
  prepared: boolean
  compiled?: CompiledStatement
  /** Under way. */
  compiling?: Promise<CompiledStatement> | undefined
}

interface CompiledStatement {
  /** For a named prepared statement; absent where those cannot be used. */
  name?: string
  /** To be sent with the account's external_id as its only value. */
  text: string
}

export const accountStatement = (schema: string, prepared: boolean): AccountStatement => ({
  schema,
  prepared,
})

/**
 * @throws {AmbiguousAccountError} rather than taking one of two balances
 * @throws {DatabaseUnavailableError} with UnreadableRelations as its cause where required columns are not there
 * @throws what boundedQuery throws
 */
export async function findAccount(
  pool: pg.Pool,
  statement: AccountStatement,
  externalId: string,
  limits: Pick<Limits, 'queryMs'>,
): Promise<AccountRow | undefined> {
  const until = performance.now() + limits.queryMs
  const compiled = statement.compiled ?? (await compile(pool, statement, limits))
  try {
    return await ask(pool, compiled, externalId, until)
  } catch (error) {
    if (!HAS_CHANGED.includes(sqlState(error))) throw error
    const anew = await compile(pool, statement, { queryMs: until - performance.now() })
    if (anew.text === compiled.text) throw error
    return ask(pool, anew, externalId, until)
  }
}

async function ask(pool: pg.Pool, statement: CompiledStatement, externalId: string, until: number) {
  const limits = { queryMs: until - performance.now() }
  try {
    const rows = await boundedQuery<{ account: string }>(pool, statement, [externalId], limits)
    if (rows.length > 1) throw new AmbiguousAccountError()
    return rows[0] && readAccount(JSON.parse(rows[0].account))
  } catch (error) {
    throw sqlState(error) === CARDINALITY_VIOLATION ? new AmbiguousAccountError() : error
  }
}

/** Empty where Postgres did not answer with an error. */
const sqlState = (error: unknown) =>
  String(
    (error instanceof DatabaseUnavailableError && (error.cause as { code?: unknown } | undefined)?.code) ||
      '',
  )

/** A subquery that may give one row gave more. */
const CARDINALITY_VIOLATION = '21000'

/** No such relation, column, operator: a view is not what it was. */
const HAS_CHANGED = ['42P01', '42703', '42883']

/** Reads the catalog and compiles the statement; those that ask meanwhile wait for the same. */
function compile(pool: pg.Pool, statement: AccountStatement, limits: Pick<Limits, 'queryMs'>) {
  statement.compiling ??= compileNow(pool, statement, limits).finally(() => {
    statement.compiling = undefined
  })
  return statement.compiling
}

async function compileNow(
  pool: pg.Pool,
  statement: AccountStatement,
  limits: Pick<Limits, 'queryMs'>,
): Promise<CompiledStatement> {
  const { schema, prepared } = statement
  const rows = await boundedQuery<CatalogRow>(pool, { text: CATALOG }, [schema], limits)
  const text = lookupSql(orAway(() => readable(relationsOf(schema, rows))))
  const name = `tratta_jit_account_${hash('sha1', text).slice(0, 8)}`
  statement.compiled = prepared ? { name, text } : { text }
  return statement.compiled
}

/** Somebody works on the views, perhaps: to whoever calls it is as if the database was away. */
function orAway(relations: () => Relations): Relations {
  try {
    return relations()
  } catch (error) {
    throw new DatabaseUnavailableError(error, false)
  }
}

/** The lookup's SQL, with the account's external_id as its only parameter. */
export function lookupSql(relations: Relations): string {
  const account = columnsOf(relations, 'debt_accounts', 'account')
  const child = columnsOf(relations, 'debt_accounts', 'child')
  const customer = columnsOf(relations, 'customers', 'customer')
  const location = columnsOf(relations, 'locations', 'location')
  return compilerFor(relations)
    .selectFrom('debt_accounts as account')
    .where(isText(account('external_id'), sql`$1::text`))
    .select((from) => {
      const itsCustomer = from
        .selectFrom('customers as customer')
        .where(areSame(customer('external_id'), account('customer_external_id')))
        .select(rowOf(CUSTOMER, customer).as('customer'))
      const itsLocation = from
        .selectFrom('locations as location')
        .where(areSame(location('external_id'), account('location_external_id')))
        .select(rowOf(LOCATION, location).as('location'))
      // The order must not change with the collation of the database.
      const inOrder = sql`order by ${read(child('external_id'))} collate "C"`
      const children = from
        .selectFrom('debt_accounts as child')
        .where(areSame(child('parent_external_id'), account('external_id')))
        .select(sql`json_agg(${rowOf(DEBT_ACCOUNT, child)} ${inOrder})`.as('children'))
      const parts = [sql`${itsCustomer}`, sql`${itsLocation}`, sql`${children}`]
      return sql<string>`${list([rowOf(DEBT_ACCOUNT, account), ...parts])}::text`.as('account')
    })
    .limit(sql.lit(2))
    .compile().sql
}

type AccountValues = [unknown[], unknown[] | null, unknown[] | null, unknown[][] | null]

const readAccount = ([account, customer, location, children]: AccountValues): AccountRow => ({
  debt_account: readDebtAccount(account),
  customer: customer && readCustomer(customer),
  location: location && readLocation(location),
  children: children?.map(readDebtAccount),
})
