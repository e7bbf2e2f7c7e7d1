/**
 * The one lookup: an account with its customer, its location and its children, in one statement.
 * It reads `debt_accounts`, `customers` and `locations` of DATABASE_SCHEMA, which are tables of ours or
 * views over somebody else's.
 */
import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type RawBuilder,
  sql,
} from 'kysely'
import type pg from 'pg'
import { boundedQuery, DatabaseAway, type Limits } from './pool.ts'

type Reading = (column: string) => RawBuilder<unknown>

export const text = (column: string): RawBuilder<string> => sql`${sql.ref(column)}::text`
/**
 * As JSON has it: json, jsonb and arrays as what they hold, dates in ISO 8601 whatever the DateStyle of the
 * connection is.
 */
const json = (column: string): RawBuilder<unknown> => sql`${sql.ref(column)}`

/** The columns that are read of each relation, and how. */
export const DEBT_ACCOUNT = {
  external_id: text,
  parent_external_id: text,
  external_account_number: text,
  billing_type: json,
  // As text in the account and in its children alike: pg gives a bigint column as text, but a bigint
  // inside of JSON as a number, and that rounds above 2^53.
  balance: text,
  current_balance: text,
  locations: json,
  payment_plan: json,
  metadata: json,
  additional_fields: json,
}
export const CUSTOMER = {
  external_id: text,
  name: text,
  email: text,
  phone: text,
  date_of_birth: json,
  ssn_last4: text,
  address: json,
  metadata: json,
  additional_fields: json,
}
export const LOCATION = {
  external_id: text,
  name: text,
  type: text,
  metadata: json,
  additional_fields: json,
}

type Columns<Readings extends Record<string, Reading>> = {
  [Column in keyof Readings]: ReturnType<Readings[Column]> extends RawBuilder<string>
    ? string | null
    : unknown
}

/** A debt account as read: money is cents written as text. */
export type DebtAccountRow = Columns<typeof DEBT_ACCOUNT>
export type CustomerRow = Columns<typeof CUSTOMER>
export type LocationRow = Columns<typeof LOCATION>

/** An account with what belongs to it. */
export interface AccountRow {
  debt_account: DebtAccountRow
  customer: CustomerRow | null
  location: LocationRow | null
  children: DebtAccountRow[] | undefined
}

interface Relations {
  debt_accounts: DebtAccountRow & {
    customer_external_id: string | null
    location_external_id: string | null
  }
  customers: CustomerRow
  locations: LocationRow
}

/**
 * A relation's columns as one value: Postgres describes every column of every answer anew, and pg reads all
 * of that before it comes to a value.
 */
export const rowOf = (readings: Record<string, Reading>, relation: string): RawBuilder<unknown[]> =>
  list(Object.entries(readings).map(([column, read]) => read(`${relation}.${column}`)))

const list = (values: RawBuilder<unknown>[]): RawBuilder<unknown[]> =>
  sql`json_build_array(${sql.join(values)})`

/** Reads what rowOf gives. */
export function rowReader<Readings extends Record<string, Reading>>(readings: Readings) {
  const columns = Object.keys(readings)
  return (values: unknown[]): Columns<Readings> => {
    const row: Record<string, unknown> = {}
    for (let at = 0; at < columns.length; at++) row[columns[at]!] = values[at]
    return row as Columns<Readings>
  }
}

export const readDebtAccount: (values: unknown[]) => DebtAccountRow = rowReader(DEBT_ACCOUNT)
export const readCustomer: (values: unknown[]) => CustomerRow = rowReader(CUSTOMER)
export const readLocation: (values: unknown[]) => LocationRow = rowReader(LOCATION)

/** More than one row for an account: a view holds it, or its customer or location, twice. */
export class AmbiguousAccount extends Error {
  override message = 'the account, its customer or its location is there twice'
}

/**
 * @throws {AmbiguousAccount} rather than taking one of two balances
 * @throws what boundedQuery throws
 */
export async function findAccount(
  pool: pg.Pool,
  statement: AccountStatement,
  externalId: string,
  limits: Pick<Limits, 'queryMs'>,
): Promise<AccountRow | undefined> {
  try {
    const rows = await boundedQuery<{ account: string }>(pool, statement, [externalId], limits)
    if (rows.length > 1) throw new AmbiguousAccount()
    return rows[0] && readAccount(JSON.parse(rows[0].account))
  } catch (error) {
    throw isCardinalityViolation(error) ? new AmbiguousAccount() : error
  }
}

/** A subquery that may give one row gave more. */
const isCardinalityViolation = (error: unknown) =>
  error instanceof DatabaseAway && (error.cause as { code?: unknown } | undefined)?.code === '21000'

/** A statement to be sent with the account's external_id as its only value. */
export interface AccountStatement {
  /** For a named prepared statement; absent where those cannot be used. */
  name?: string
  text: string
}

/** Compiles statements about the three relations of a schema; it has no connection. */
export const relationsIn = (schema: string) =>
  new Kysely<Relations>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  }).withSchema(schema)

/** Compiles the lookup for a schema. `prepared` gives it the name that a prepared statement needs. */
export function accountStatement(schema: string, prepared: boolean): AccountStatement {
  const { sql: statement } = relationsIn(schema)
    .selectFrom('debt_accounts as account')
    .where('account.external_id', '=', '')
    .select((from) => {
      const customer = from
        .selectFrom('customers as customer')
        .whereRef('customer.external_id', '=', 'account.customer_external_id')
        .select(rowOf(CUSTOMER, 'customer').as('customer'))
      const location = from
        .selectFrom('locations as location')
        .whereRef('location.external_id', '=', 'account.location_external_id')
        .select(rowOf(LOCATION, 'location').as('location'))
      // The order must not change with the collation of the database.
      const inOrder = sql`order by ${text('child.external_id')} collate "C"`
      const children = from
        .selectFrom('debt_accounts as child')
        .whereRef('child.parent_external_id', '=', 'account.external_id')
        .select(sql`json_agg(${rowOf(DEBT_ACCOUNT, 'child')} ${inOrder})`.as('children'))
      const parts = [sql`${customer}`, sql`${location}`, sql`${children}`]
      return sql<string>`${list([rowOf(DEBT_ACCOUNT, 'account'), ...parts])}::text`.as('account')
    })
    .limit(sql.lit(2))
    .compile()
  return prepared ? { name: 'tratta_jit_account', text: statement } : { text: statement }
}

type AccountValues = [unknown[], unknown[] | null, unknown[] | null, unknown[][] | null]

const readAccount = ([account, customer, location, children]: AccountValues): AccountRow => ({
  debt_account: readDebtAccount(account),
  customer: customer && readCustomer(customer),
  location: location && readLocation(location),
  children: children?.map(readDebtAccount),
})
