/**
 * The one lookup: an account with its customer, its location and its children, in one statement.
 * It reads `debt_accounts`, `customers` and `locations` of DATABASE_SCHEMA, which are tables of ours or
 * views over somebody else's.
 */
import { hash } from 'node:crypto'
import { sql } from 'kysely'
import type pg from 'pg'
import { type AccountRow, FURTHER_LOCATION, readAccount } from './account-row.ts'
import { boundedQuery } from './batched-query.ts'
import { areSame, columnsOf, compilerFor, isText, list, read, rowOf } from './column-sql.ts'
import { AmbiguousAccountError, DatabaseUnavailableError } from './database-errors.ts'
import type { Limits } from './pool.ts'
import {
  CATALOG,
  type CatalogRow,
  COLUMNS,
  CUSTOMER,
  LOCATION,
  type Relations,
  readable,
  relationsOf,
} from './relations.ts'

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
    return rows[0] && readAccount(rows[0].account)
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
  const parent = columnsOf(relations, 'debt_accounts', 'parent')
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
      // An aggregate, because a parent that a view has twice is no error here.
      const parentCustomers = from
        .selectFrom('debt_accounts as parent')
        .where(areSame(parent('external_id'), account('parent_external_id')))
        .select(sql`json_agg(${read(parent('customer_external_id'))})`.as('customers'))
      const isElsewhere = sql<boolean>`(${areSame(child('location_external_id'), account('location_external_id'))}) is not true`
      const ownLocation = from
        .selectFrom('locations as location')
        .where(areSame(location('external_id'), child('location_external_id')))
        .where(isElsewhere)
        .select(sql`json_agg(${rowOf(FURTHER_LOCATION, location)})`.as('locations'))
      // The order must not change with the collation of the database.
      const inOrder = sql`order by ${read(child('external_id'))} collate "C"`
      const children = from
        .selectFrom('debt_accounts as child')
        .where(areSame(child('parent_external_id'), account('external_id')))
        .select(
          sql`json_agg(${list([rowOf(COLUMNS.debt_accounts, child), sql`${ownLocation}`])} ${inOrder})`.as(
            'children',
          ),
        )
      const parts = [parentCustomers, itsCustomer, itsLocation, children].map((part) => sql`${part}`)
      return sql<string>`${list([rowOf(COLUMNS.debt_accounts, account), ...parts])}::text`.as('account')
    })
    .limit(sql.lit(2))
    .compile().sql
}
