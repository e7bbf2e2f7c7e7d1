/**
 * The SQL of the one lookup: an account with its customer, its location and its children, in one statement.
 * It reads `debt_accounts`, `customers` and `locations` of DATABASE_SCHEMA, which are our tables or
 * views over other tables.
 */
import { sql } from 'kysely'
import { FURTHER_LOCATION } from './account-row.ts'
import { aliasesOf, areSame, compilerFor, isText, list, read, rowOf } from './column-sql.ts'
import { COLUMNS, CUSTOMER, LOCATION } from './columns.ts'
import type { Relations } from './relations.ts'

/** The lookup's SQL, with the account's external_id as its only parameter. */
export function lookupSql(relations: Relations): string {
  const { account, child, parent, customer, location } = aliasesOf(relations)
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

/**
 * Postgres sends no account with more bytes, only their number. The LIMIT of the inner select keeps Postgres from
 * merging both selects, which would build the account several times.
 */
export const limitedSql = (lookup: string, maxBytes: number) =>
  `select case when octet_length(account) <= ${maxBytes} then account else octet_length(account)::text end as account
   from (${lookup}) as found`
