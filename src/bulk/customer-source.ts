/** Reads customers with their accounts and locations from DATABASE_SCHEMA: tables of ours, or views. */
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
import type { Relations } from '../database/relations.ts'
import { parseExactly } from '../payload/exact-json.ts'
import type { OrphanCode } from './rejection-reasons.ts'
import { type AccountStatements, type RelationSources, sourceStatements } from './source-statements.ts'

export interface CustomerWithAccounts {
  external_id: string
  /** More than one: a view returns the customer twice. None: it was deleted since its key was read. */
  rows: CustomerRow[]
  /** Accounts without a parent, followed by their children, even if these have another customer. */
  accounts: DebtAccountRow[]
}

export interface CustomersPage {
  customers: CustomerWithAccounts[]
  /** By external_id; more than one row: a view returns the location twice. */
  locations: Map<string, LocationRow[]>
}

export interface CustomerSource {
  /** Keys of customers after this one, in the order of their bytes. */
  keysAfter(position: string, limit: number): Promise<string[]>
  countAfter(position: string): Promise<number>
  /** In the order of the keys. */
  customers(keys: string[]): Promise<CustomersPage>
  /** Pages of the orphaned accounts, in the order of their ids. One query for all pages. */
  orphanedAccounts(pageSize: number): AsyncGenerator<OrphanedAccount[]>
  /** The customers of these accounts now. */
  customersOf(accounts: string[]): Promise<string[]>
  /** Accounts that were neither sent to this target nor rejected. */
  countUnsent(target: number): Promise<number>
}

export interface OrphanedAccount {
  external_id: string
  /** Does not exist. */
  customer_external_id: string | null
  code: OrphanCode
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
  row: {
    debt_account: readDebtAccount(values(account)),
    customer: customer === null ? null : readCustomer(values(customer)),
    location: location === null ? null : readLocation(values(location)),
    parentCustomers: [],
    children: undefined,
  },
})

export function createCustomerSource(
  pool: pg.Pool,
  relations: Relations,
  subqueries?: RelationSources,
): CustomerSource {
  const statements = sourceStatements(relations, subqueries)
  const { valid } = statements
  const chosen: { [name in keyof typeof valid]?: string } = {}
  return {
    async keysAfter(position, limit) {
      const { rows } = await pool.query<{ key: string }>(statements.keys, [position, limit])
      return rows.map(({ key }) => key)
    },
    async countAfter(position) {
      const { rows } = await pool.query<{ count: string }>(statements.count, [position])
      return Number(rows[0]!.count)
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
      const { rows } = await pool.query<{ key: string }>(statements.customersOf, [
        valid.customersOf(accounts),
      ])
      return rows.map(({ key }) => key)
    },
    async countUnsent(target) {
      const { rows } = await pool.query<{ count: string }>(statements.unsent, [target])
      return Number(rows[0]!.count)
    },
    async customers(keys) {
      const client = await pool.connect()
      try {
        // One snapshot: the balance of a parent includes every child that is read.
        await client.query('begin isolation level repeatable read read only')
        const rows = async (name: 'customers' | 'parents' | 'children' | 'locations', ids: string[]) => {
          const parameters = [valid[name](ids)]
          if (parameters[0]!.length === 0) return []
          const statement = statements[name]
          chosen[name] ??=
            typeof statement === 'string' ? statement : await cheaper(client, statement, parameters)
          const { rows } = await client.query<{ row: string }>(chosen[name], parameters)
          return rows.map(({ row }) => values(row))
        }
        const customers = await rows('customers', keys)
        const parents = (await rows('parents', keys)).map(readDebtAccount)
        const parentIds = parents.flatMap(({ external_id }) => external_id ?? [])
        const children = (await rows('children', parentIds)).map(readDebtAccount)
        const locationIds = new Set<string>()
        for (const { location_external_id } of [...parents, ...children])
          if (location_external_id !== null) locationIds.add(location_external_id)
        const locations = await rows('locations', [...locationIds])
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

/** The statement that costs less by the estimate of Postgres. Only two steps can use the index of some views. */
async function cheaper(
  client: pg.PoolClient,
  { oneStep, twoSteps }: AccountStatements,
  parameters: unknown[],
) {
  if (!twoSteps) return oneStep
  const costOf = async (statement: string) => {
    const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: { 'Total Cost': number } }] }>(
      `explain (format json) ${statement}`,
      parameters,
    )
    return rows[0]!['QUERY PLAN'][0].Plan['Total Cost']
  }
  return (await costOf(twoSteps)) < (await costOf(oneStep)) ? twoSteps : oneStep
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
