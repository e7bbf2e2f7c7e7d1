/**
 * Customers with their accounts and locations, out of `debt_accounts`, `customers` and `locations` of
 * DATABASE_SCHEMA: tables of ours, or views over somebody else's. Read like the lookup reads them.
 */
import { type RawBuilder, sql } from 'kysely'
import type pg from 'pg'
import {
  type AccountRow,
  type CustomerRow,
  type DebtAccountRow,
  type LocationRow,
  readCustomer,
  readDebtAccount,
  readLocation,
} from '../database/account-row.ts'
import {
  areSame,
  type Column,
  columnsOf,
  compilerFor,
  isNull,
  isOneOf,
  read,
  rowOf,
} from '../database/column-sql.ts'
import { COLUMNS, CUSTOMER, LOCATION, type RelationName, type Relations } from '../database/relations.ts'
import { parseExactly } from '../exact-json.ts'

export interface CustomerWithAccounts {
  external_id: string
  /** More than one: a view holds the customer twice. None: it has gone since its key was read. */
  rows: CustomerRow[]
  /** Accounts that stand below none, and then their children, whatever customer those name. */
  accounts: DebtAccountRow[]
}

export interface CustomersPage {
  customers: CustomerWithAccounts[]
  /** By external_id; more than one row: a view holds the location twice. */
  locations: Map<string, LocationRow[]>
}

export interface Source {
  /** Keys of customers in the order of their bytes, behind this one. */
  keysAfter(position: string, limit: number): Promise<string[]>
  countAfter(position: string): Promise<number>
  /** In the order of the keys. */
  customers(keys: string[]): Promise<CustomersPage>
  /** Pages of the accounts that cannot be placed below a customer, in the order of their ids. One query for all pages. */
  orphanedAccounts(pageSize: number): AsyncGenerator<OrphanedAccount[]>
  /** The customers below which these accounts stand now. */
  customersOf(accounts: string[]): Promise<string[]>
}

const ORPHAN_REASONS = {
  no_customer: 'debt_account has no customer',
  customer_missing: 'debt_account its customer is not there',
  parent_missing: 'debt_account.parent_external_id its parent is not there',
  parent_is_child: 'debt_account.parent_external_id its parent has a parent itself: Bulk knows one level',
  parent_without_customer: 'debt_account.parent_external_id its parent has no customer',
} as const

export type OrphanCode = keyof typeof ORPHAN_REASONS

export interface OrphanedAccount {
  external_id: string
  /** That is not there. */
  customer_external_id: string | null
  code: OrphanCode
  reason: string
  /** More than one row for the account, its customer or its location. */
  is_duplicate: boolean
  /** What a call for this account reads, without its children: they are orphaned too. */
  row: AccountRow
}

interface OrphanedValues {
  external_id: string
  customer_external_id: string | null
  code: OrphanCode
  is_duplicate: boolean
  account: string
  customer: string | null
  location: string | null
}

const values = (row: string) => parseExactly(row) as unknown[]

const orphaned = ({ account, customer, location, ...keys }: OrphanedValues): OrphanedAccount => ({
  ...keys,
  reason: ORPHAN_REASONS[keys.code],
  row: {
    debt_account: readDebtAccount(values(account)),
    customer: customer === null ? null : readCustomer(values(customer)),
    location: location === null ? null : readLocation(values(location)),
    parentCustomers: [],
    children: undefined,
  },
})

/** What stands in the FROM clauses: the relations themselves, or subqueries with the same columns. */
export type RelationSources = Record<RelationName, RawBuilder<unknown>>

const tablesOf = ({ schema }: Relations): RelationSources => ({
  debt_accounts: sql.id(schema, 'debt_accounts'),
  customers: sql.id(schema, 'customers'),
  locations: sql.id(schema, 'locations'),
})

export function readingFrom(
  pool: pg.Pool,
  relations: Relations,
  sources: RelationSources = tablesOf(relations),
): Source {
  const statements = statementsFor(relations, sources as Record<RelationName, RawBuilder<Row>>)
  return {
    async keysAfter(position, limit) {
      const { rows } = await pool.query<{ key: string }>(statements.keys, [position, limit])
      return rows.map(({ key }) => key)
    },
    async countAfter(position) {
      return Number((await pool.query(statements.count, [position])).rows[0].count)
    },
    async *orphanedAccounts(pageSize) {
      const client = await pool.connect()
      let isComplete = false
      try {
        await client.query('begin isolation level repeatable read read only')
        // All rows are fetched: the plan with the fastest first rows is the wrong one.
        await client.query('set local cursor_tuple_fraction = 1')
        await client.query(`declare orphaned no scroll cursor for ${statements.orphaned}`)
        for (;;) {
          const { rows } = await client.query<OrphanedValues>(`fetch ${pageSize} from orphaned`)
          if (rows.length === 0) break
          yield rows.map(orphaned)
        }
        await client.query('commit')
        isComplete = true
      } finally {
        client.release(!isComplete)
      }
    },
    async customersOf(accounts) {
      const { rows } = await pool.query<{ key: string }>(statements.customersOf, [accounts])
      return rows.map(({ key }) => key)
    },
    async customers(keys) {
      const client = await pool.connect()
      try {
        // One moment for all: a child that is seen is one whose parent's balance knows of it.
        await client.query('begin isolation level repeatable read read only')
        const rows = async (statement: string, ids: string[]) =>
          (await client.query<{ row: string }>(statement, [ids])).rows.map(({ row }) => values(row))
        const customers = await rows(statements.customers, keys)
        const parents = (await rows(statements.parents, keys)).map(readDebtAccount)
        const parentIds = parents.map(({ external_id }) => external_id!)
        const children = (await rows(statements.children, parentIds)).map(readDebtAccount)
        const locationIds = new Set<string>()
        for (const { location_external_id } of [...parents, ...children])
          if (location_external_id !== null) locationIds.add(location_external_id)
        const locations = await rows(statements.locations, [...locationIds])
        await client.query('commit')
        client.release()
        return {
          customers: grouped(keys, customers.map(readCustomer), parents, children),
          locations: Map.groupBy(locations.map(readLocation), ({ external_id }) => external_id!),
        }
      } catch (error) {
        client.release(true)
        throw error
      }
    },
  }
}

function grouped(
  keys: string[],
  customers: CustomerRow[],
  parents: DebtAccountRow[],
  children: DebtAccountRow[],
): CustomerWithAccounts[] {
  const made = new Map<string, CustomerWithAccounts>(
    keys.map((key) => [key, { external_id: key, rows: [], accounts: [] }]),
  )
  for (const row of customers) made.get(row.external_id!)?.rows.push(row)
  const customerOf = new Map<string, CustomerWithAccounts>()
  for (const row of parents) {
    const customer = made.get(row.customer_external_id!)
    if (!customer) continue
    customer.accounts.push(row)
    customerOf.set(row.external_id!, customer)
  }
  for (const row of children) customerOf.get(row.parent_external_id!)?.accounts.push(row)
  return [...made.values()]
}

type Row = Record<string, unknown>

function statementsFor(relations: Relations, sources: Record<RelationName, RawBuilder<Row>>) {
  const db = compilerFor(relations)
  const account = columnsOf(relations, 'debt_accounts', 'account')
  const parent = columnsOf(relations, 'debt_accounts', 'parent')
  const customer = columnsOf(relations, 'customers', 'customer')
  const location = columnsOf(relations, 'locations', 'location')
  const key = (column: Column) => sql<string>`${read(column)} collate "C"`
  const given = sql`$1::text[]`
  // As text, because pg would round the numbers of JSON.
  const asText = (row: RawBuilder<unknown[]>) => sql<string>`${row}::text`
  const accounts = db
    .selectFrom(sources.debt_accounts.as('account'))
    .select(asText(rowOf(COLUMNS.debt_accounts, account)).as('row'))
    .orderBy(key(account('external_id')))
  const orphanedAccounts = db
    .selectFrom(sources.debt_accounts.as('account'))
    .leftJoin(sources.customers.as('customer'), (join) =>
      join.on(areSame(customer('external_id'), account('customer_external_id'))),
    )
    .leftJoin(sources.debt_accounts.as('parent'), (join) =>
      join.on(areSame(parent('external_id'), account('parent_external_id'))),
    )
    .leftJoin(sources.customers.as('its'), (join) =>
      join.on(
        areSame(columnsOf(relations, 'customers', 'its')('external_id'), parent('customer_external_id')),
      ),
    )
    .leftJoin(sources.locations.as('location'), (join) =>
      join.on(areSame(location('external_id'), account('location_external_id'))),
    )
    .select([
      read(account('external_id')).as('external_id'),
      read(account('customer_external_id')).as('customer_external_id'),
      sql<string>`case
        when ${isNull(account('parent_external_id'))} and ${isNull(account('customer_external_id'))} then 'no_customer'
        when ${isNull(account('parent_external_id'))} then 'customer_missing'
        when parent.external_id is null then 'parent_missing'
        when not ${isNull(parent('parent_external_id'))} then 'parent_is_child'
        else 'parent_without_customer' end`.as('code'),
      sql<boolean>`count(*) over (partition by ${key(account('external_id'))}) > 1`.as('is_duplicate'),
      asText(rowOf(COLUMNS.debt_accounts, account)).as('account'),
      sql`case when customer.external_id is not null then ${asText(rowOf(CUSTOMER, customer))} end`.as(
        'customer',
      ),
      sql`case when location.external_id is not null then ${asText(rowOf(LOCATION, location))} end`.as(
        'location',
      ),
    ])
    .where(
      sql<boolean>`case when ${isNull(account('parent_external_id'))} then customer.external_id is null
        else parent.external_id is null or not ${isNull(parent('parent_external_id'))} or its.external_id is null end`,
    )
    .where(sql<boolean>`${account('external_id').reference} is not null`)
    .distinctOn(key(account('external_id')))
    .orderBy(key(account('external_id')))
  // A child goes with its parent.
  const itsCustomer = {
    ...account('customer_external_id'),
    reference: sql`case when ${isNull(account('parent_external_id'))}
      then account.customer_external_id else parent.customer_external_id end`,
  }
  const customerKey = key(customer('external_id'))
  const customers = db.selectFrom(sources.customers.as('customer'))
  const isBehind = sql<boolean>`${customerKey} > $1`
  return {
    keys: customers
      .select(customerKey.as('key'))
      .where(isBehind)
      .groupBy(customerKey)
      .orderBy(customerKey)
      .limit(sql<number>`$2`)
      .compile().sql,
    count: customers.select(sql`count(*)`.as('count')).where(isBehind).compile().sql,
    customers: customers
      .select(asText(rowOf(CUSTOMER, customer)).as('row'))
      .where(isOneOf(customer('external_id'), given))
      .compile().sql,
    parents: accounts
      .where(isOneOf(account('customer_external_id'), given))
      .where(isNull(account('parent_external_id')))
      .compile().sql,
    children: accounts.where(isOneOf(account('parent_external_id'), given)).compile().sql,
    locations: db
      .selectFrom('locations as location')
      .select(asText(rowOf(LOCATION, location)).as('row'))
      .where(isOneOf(location('external_id'), given))
      .compile().sql,
    orphaned: orphanedAccounts.compile().sql,
    customersOf: db
      .selectFrom(sources.debt_accounts.as('account'))
      .leftJoin(sources.debt_accounts.as('parent'), (join) =>
        join.on(areSame(parent('external_id'), account('parent_external_id'))),
      )
      .innerJoin(sources.customers.as('customer'), (join) =>
        join.on(areSame(customer('external_id'), itsCustomer)),
      )
      .select(customerKey.as('key'))
      .distinct()
      .where(isOneOf(account('external_id'), given))
      .compile().sql,
  }
}
