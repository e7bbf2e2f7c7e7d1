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
import { boundedQuery, type Limits } from './pool.ts'

type Reading = (column: string) => RawBuilder<unknown>

export const text = (column: string): RawBuilder<string> => sql`${sql.ref(column)}::text`
/** As the JSON it stands for: json, jsonb, or an array of texts. */
const json = (column: string): RawBuilder<unknown> => sql`to_json(${sql.ref(column)})`
/** A date, in ISO 8601 whatever the DateStyle of the connection is. */
const date = (column: string): RawBuilder<string> => sql`to_json(${sql.ref(column)}) #>> '{}'`

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
  date_of_birth: date,
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
type Prefixed<Row, Prefix extends string> = {
  [Column in keyof Row as `${Prefix}${Column & string}`]: Row[Column]
}

interface Relations {
  debt_accounts: Columns<typeof DEBT_ACCOUNT> & {
    customer_external_id: string | null
    location_external_id: string | null
  }
  customers: Columns<typeof CUSTOMER>
  locations: Columns<typeof LOCATION>
}

/** A debt account as read: money is cents written as text. */
export type DebtAccountRow = Columns<typeof DEBT_ACCOUNT>

export type CustomerRow = Prefixed<Columns<typeof CUSTOMER>, 'customer_'>
export type LocationRow = Prefixed<Columns<typeof LOCATION>, 'location_'>

/** An account with what belongs to it. Without a customer or a location, their `external_id` is null. */
export type AccountRow = DebtAccountRow & CustomerRow & LocationRow & { children: DebtAccountRow[] | null }

export const columns = (readings: Record<string, Reading>, relation: string, prefix = '') =>
  Object.entries(readings).map(([column, read]) => read(`${relation}.${column}`).as(prefix + column))

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
  const rows = await boundedQuery<{ account: string }>(pool, statement, [externalId], limits)
  if (rows.length > 1) throw new AmbiguousAccount()
  return rows[0] && readAccount(JSON.parse(rows[0].account))
}

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
  const compiler = relationsIn(schema)
  // One column of JSON instead of two dozen columns: Postgres describes every column of every answer anew,
  // and pg reads all of that before it comes to a value.
  const { sql: statement } = compiler
    .selectFrom('debt_accounts as account')
    .leftJoin('customers as customer', 'customer.external_id', 'account.customer_external_id')
    .leftJoin('locations as location', 'location.external_id', 'account.location_external_id')
    .where('account.external_id', '=', '')
    .select((from) => {
      // The order must not change with the collation of the database.
      const inOrder = sql`order by ${text('child.external_id')} collate "C"`
      const children = from
        .selectFrom('debt_accounts as child')
        .whereRef('child.parent_external_id', '=', 'account.external_id')
        .select(sql`json_agg(${list(readings(DEBT_ACCOUNT, 'child'))} ${inOrder})`.as('children'))
      const all = [
        ...readings(DEBT_ACCOUNT, 'account'),
        ...readings(CUSTOMER, 'customer'),
        ...readings(LOCATION, 'location'),
        sql`${children}`,
      ]
      return sql<string>`${list(all)}::text`.as('account')
    })
    .limit(sql.lit(2))
    .compile()
  return prepared ? { name: 'tratta_jit_account', text: statement } : { text: statement }
}

const readings = (relation: Record<string, Reading>, name: string) =>
  Object.entries(relation).map(([column, read]) => read(`${name}.${column}`))

const list = (values: RawBuilder<unknown>[]) => sql`json_build_array(${sql.join(values)})`

const CHILD_NAMES = Object.keys(DEBT_ACCOUNT)
const ACCOUNT_NAMES = [
  ...CHILD_NAMES,
  ...Object.keys(CUSTOMER).map((column) => `customer_${column}`),
  ...Object.keys(LOCATION).map((column) => `location_${column}`),
]

function readAccount(values: unknown[]): AccountRow {
  const children = values[ACCOUNT_NAMES.length] as unknown[][] | null
  const row = named(ACCOUNT_NAMES, values) as unknown as AccountRow
  row.children = children?.map((child) => named(CHILD_NAMES, child) as unknown as DebtAccountRow) ?? null
  return row
}

function named(names: string[], values: unknown[]) {
  const row: Record<string, unknown> = {}
  for (let at = 0; at < names.length; at++) row[names[at]!] = values[at]
  return row
}
