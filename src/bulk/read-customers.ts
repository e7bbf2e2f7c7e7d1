/**
 * Customers with their accounts and locations, out of `debt_accounts`, `customers` and `locations` of
 * DATABASE_SCHEMA: tables of ours, or views over somebody else's. Read like the lookup reads them.
 */
import { type RawBuilder, sql } from 'kysely'
import type pg from 'pg'
import {
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
import { COLUMNS, CUSTOMER, LOCATION, type Relations } from '../database/relations.ts'
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
  /** Accounts that stand below no customer that is there, behind this one, and why not. */
  lostAccountsAfter(externalId: string, limit: number): Promise<LostAccount[]>
  /** The customers below which these accounts stand now. */
  customersOf(accounts: string[]): Promise<string[]>
}

export interface LostAccount {
  external_id: string
  /** That is not there. */
  customer_external_id: string | null
  reason: string
}

export function readingFrom(pool: pg.Pool, relations: Relations): Source {
  const statements = statementsFor(relations)
  return {
    async keysAfter(position, limit) {
      const { rows } = await pool.query<{ key: string }>(statements.keys, [position, limit])
      return rows.map(({ key }) => key)
    },
    async countAfter(position) {
      return Number((await pool.query(statements.count, [position])).rows[0].count)
    },
    async lostAccountsAfter(externalId, limit) {
      return (await pool.query<LostAccount>(statements.lost, [externalId, limit])).rows
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
          (await client.query<{ row: string }>(statement, [ids])).rows.map(
            ({ row }) => parseExactly(row) as unknown[],
          )
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

function statementsFor(relations: Relations) {
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
    .selectFrom('debt_accounts as account')
    .select(asText(rowOf(COLUMNS.debt_accounts, account)).as('row'))
    .orderBy(key(account('external_id')))
  const lost = db
    .selectFrom('debt_accounts as account')
    .leftJoin('customers as customer', (join) =>
      join.on(areSame(customer('external_id'), account('customer_external_id'))),
    )
    .leftJoin('debt_accounts as parent', (join) =>
      join.on(areSame(parent('external_id'), account('parent_external_id'))),
    )
    .leftJoin('customers as its', (join) =>
      join.on(
        areSame(columnsOf(relations, 'customers', 'its')('external_id'), parent('customer_external_id')),
      ),
    )
    .select([
      read(account('external_id')).as('external_id'),
      read(account('customer_external_id')).as('customer_external_id'),
      sql<string>`case
        when ${isNull(account('parent_external_id'))} and ${isNull(account('customer_external_id'))} then 'debt_account has no customer'
        when ${isNull(account('parent_external_id'))} then 'debt_account its customer is not there'
        when parent.external_id is null then 'debt_account.parent_external_id its parent is not there'
        when not ${isNull(parent('parent_external_id'))} then 'debt_account.parent_external_id its parent has a parent itself: Bulk knows one level'
        else 'debt_account.parent_external_id its parent has no customer' end`.as('reason'),
    ])
    .where(
      sql<boolean>`case when ${isNull(account('parent_external_id'))} then customer.external_id is null
        else parent.external_id is null or not ${isNull(parent('parent_external_id'))} or its.external_id is null end`,
    )
    .where(sql<boolean>`${key(account('external_id'))} > $1`)
    .distinctOn(key(account('external_id')))
    .orderBy(key(account('external_id')))
    .limit(sql<number>`$2`)
  // A child goes with its parent.
  const itsCustomer = {
    ...account('customer_external_id'),
    reference: sql`case when ${isNull(account('parent_external_id'))}
      then account.customer_external_id else parent.customer_external_id end`,
  }
  const customerKey = key(customer('external_id'))
  const customers = db.selectFrom('customers as customer')
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
    lost: lost.compile().sql,
    customersOf: db
      .selectFrom('debt_accounts as account')
      .leftJoin('debt_accounts as parent', (join) =>
        join.on(areSame(parent('external_id'), account('parent_external_id'))),
      )
      .innerJoin('customers as customer', (join) => join.on(areSame(customer('external_id'), itsCustomer)))
      .select(customerKey.as('key'))
      .distinct()
      .where(isOneOf(account('external_id'), given))
      .compile().sql,
  }
}
