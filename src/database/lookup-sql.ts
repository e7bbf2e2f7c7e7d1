/**
 * The SQL of the one lookup: an account with its customer, its location and its children, in one statement.
 * It reads `debt_accounts`, `customers` and `locations` of DATABASE_SCHEMA, which are our tables or
 * views over other tables.
 */
import { type RawBuilder, sql } from 'kysely'
import { FURTHER_LOCATION } from './account-row.ts'
import { aliasesOf, compilerFor, list, read, rowOf } from './column-sql.ts'
import { COLUMNS, CUSTOMER, LOCATION } from './columns.ts'
import { areSame, isText, keyOf, referencesOf } from './identifier-sql.ts'
import type { Relations } from './relations.ts'

/** The lookup's SQL, with the account's external_id as its only parameter. */
export function lookupSql(relations: Relations): string {
  const { account, reference, child, childReference, parent, customer, location } = aliasesOf(relations)
  return compilerFor(relations)
    .selectFrom('debt_accounts as account')
    .crossJoinLateral(referencesOf(account).as('reference'))
    .where(isText(account('external_id'), REQUESTED))
    .select((from) => {
      const itsCustomer = from
        .selectFrom('customers as customer')
        .where(areSame(customer('external_id'), reference('customer_external_id')))
        .select(rowOf(CUSTOMER, customer).as('customer'))
      const itsLocation = from
        .selectFrom('locations as location')
        .where(areSame(location('external_id'), reference('location_external_id')))
        .select(rowOf(LOCATION, location).as('location'))
      // An aggregate, because a parent that a view has twice is no error here.
      const parentCustomers = from
        .selectFrom('debt_accounts as parent')
        .where(areSame(parent('external_id'), reference('parent_external_id')))
        .select(sql`json_agg(${read(parent('customer_external_id'))})`.as('customers'))
      const isElsewhere = sql<boolean>`(${areSame(childReference('location_external_id'), reference('location_external_id'))}) is not true`
      const ownLocation = from
        .selectFrom('locations as location')
        .where(areSame(location('external_id'), childReference('location_external_id')))
        .where(isElsewhere)
        .select(sql`json_agg(${rowOf(FURTHER_LOCATION, location)})`.as('locations'))
      // The order must not change with the collation of the database.
      const inOrder = sql`order by ${read(child('external_id'))} collate "C"`
      const children = from
        .selectFrom(childrenOf(relations).as('child'))
        .crossJoinLateral(referencesOf(child).as('child_reference'))
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

const REQUESTED = sql`$1::text`

/**
 * The rows of the children as a FROM item. From a view in two steps: the ids, then each row by its id. A view that joins
 * a subquery with "group by" uses its index only for the id. "offset 0" keeps Postgres from merging both steps.
 */
function childrenOf(relations: Relations): RawBuilder<Record<string, unknown>> {
  const { child, childId } = aliasesOf(relations)
  const accounts = sql.table(`${relations.schema}.debt_accounts`)
  const isChild = isText(child('parent_external_id'), REQUESTED)
  if (!relations.views.has('debt_accounts')) return sql`(select * from ${accounts} as child where ${isChild})`
  return sql`(select row.* from
    (select distinct ${keyOf(child('external_id'), 'external_id')}
      from ${accounts} as child where ${isChild}) as child_id
    left join lateral (select * from ${accounts} as child
      where ${areSame(child('external_id'), childId('external_id'))} and ${isChild} offset 0) as row on true)`
}

/**
 * Postgres sends no account with more bytes, only their number. The LIMIT of the inner select keeps Postgres from
 * merging both selects, which would build the account several times.
 */
export const limitedSql = (lookup: string, maxBytes: number) =>
  `select case when octet_length(account) <= ${maxBytes} then account else octet_length(account)::text end as account
   from (${lookup}) as found`

/**
 * Adds `is_fresh` to a lookup. It is true on a streaming replica that has either replayed a transaction that was committed
 * within the bound, or replayed everything that the primary reported within the bound (an idle primary; the role needs
 * pg_read_all_stats). Without a connection to the primary only the first applies, because the primary may have gone on.
 */
export const freshSql = (lookup: string, maxLagMs: number) => `
  select account, is_fresh from (select pg_is_in_recovery() and (
      coalesce(pg_last_xact_replay_timestamp() >= clock_timestamp() - interval '${maxLagMs} ms', false)
      or exists (select from pg_stat_wal_receiver where status = 'streaming'
        and last_msg_receipt_time >= clock_timestamp() - interval '${maxLagMs} ms'
        and latest_end_lsn <= pg_last_wal_replay_lsn())
    ) as is_fresh) as replica
  left join lateral (${lookup}) as found on is_fresh`
