/** The SQL that reads customers, accounts and locations, for any column types that `check` accepts. */
import { type RawBuilder, sql } from 'kysely'
import {
  aliasesOf,
  type Column,
  columnsOf,
  compilerFor,
  isNull,
  read,
  rowOf,
} from '../database/column-sql.ts'
import { COLUMNS, CUSTOMER, LOCATION, type RelationName } from '../database/columns.ts'
import { areSame, isOneOf, isValidText, keyOf } from '../database/identifier-sql.ts'
import type { Relations } from '../database/relations.ts'

/** For the FROM clauses: subqueries with the columns of the relations. */
export type RelationSources = Record<RelationName, RawBuilder<unknown>>

const tablesOf = ({ schema }: Relations): RelationSources => ({
  debt_accounts: sql.id(schema, 'debt_accounts'),
  customers: sql.id(schema, 'customers'),
  locations: sql.id(schema, 'locations'),
})

type Row = Record<string, unknown>

/** Two statements with the same rows. */
export interface AccountStatements {
  oneStep: string
  /** As in the lookup of a view: the ids, then each row by its id. */
  twoSteps?: string
}

export function sourceStatements(relations: Relations, subqueries?: RelationSources) {
  const from = subqueries ?? tablesOf(relations)
  const sources = from as Record<RelationName, RawBuilder<Row>>
  const db = compilerFor(relations)
  const { account, parent, customer, location } = aliasesOf(relations)
  const key = (column: Column) => sql<string>`${read(column)} collate "C"`
  const given = sql`$1::text[]`
  // As text, because pg would round the numbers of JSON.
  const asText = (row: RawBuilder<unknown[]>) => sql<string>`${row}::text`
  const accounts = db
    .selectFrom(sources.debt_accounts.as('account'))
    .select(asText(rowOf(COLUMNS.debt_accounts, account)).as('row'))
    .orderBy(key(account('external_id')))
  const accountsOf = (
    name: 'customer_external_id' | 'parent_external_id',
    condition = sql<boolean>`true`,
  ): AccountStatements => {
    const isOne = isOneOf(account(name), given)
    const oneStep = accounts.where(isOne).where(condition).compile().sql
    // A subquery cannot use an index for each row.
    if (!account(name).type || !relations.views.has('debt_accounts') || subqueries) return { oneStep }
    const id = columnsOf(relations, 'debt_accounts', 'key')
    const ids = sql<Row>`(select distinct ${keyOf(account('external_id'), 'external_id')}, ${keyOf(account(name), name)}
      from ${from.debt_accounts} as account where ${isOne} and ${condition})`
    const row = sql<Row>`lateral (select * from ${from.debt_accounts} as account
      where ${areSame(account('external_id'), id('external_id'))} and ${areSame(account(name), id(name))}
        and ${condition} offset 0)`
    const column = (each: keyof typeof COLUMNS.debt_accounts) => (each === name ? id(each) : account(each))
    const twoSteps = db
      .selectFrom(ids.as('key'))
      // An account without an id has no row of its own.
      .leftJoin(row.as('account'), (join) => join.onTrue())
      .select(asText(rowOf(COLUMNS.debt_accounts, column)).as('row'))
      .orderBy(key(id('external_id')))
      .compile().sql
    return { oneStep, twoSteps }
  }
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
  const isAfter = sql<boolean>`${customerKey} > $1`
  const validFor = (column: Column) => (texts: string[]) => texts.filter((text) => isValidText(column, text))
  return {
    /** The texts of a list that may be the parameter of a statement. */
    valid: {
      customers: validFor(customer('external_id')),
      parents: validFor(account('customer_external_id')),
      children: validFor(account('parent_external_id')),
      locations: validFor(location('external_id')),
      customersOf: validFor(account('external_id')),
    },
    keys: customers
      .select(customerKey.as('key'))
      .where(isAfter)
      .groupBy(customerKey)
      .orderBy(customerKey)
      .limit(sql<number>`$2`)
      .compile().sql,
    count: customers.select(sql`count(*)`.as('count')).where(isAfter).compile().sql,
    customers: customers
      .select(asText(rowOf(CUSTOMER, customer)).as('row'))
      .where(isOneOf(customer('external_id'), given))
      .compile().sql,
    parents: accountsOf('customer_external_id', isNull(account('parent_external_id'))),
    children: accountsOf('parent_external_id'),
    locations: db
      .selectFrom(sources.locations.as('location'))
      .select(asText(rowOf(LOCATION, location)).as('row'))
      .where(isOneOf(location('external_id'), given))
      .compile().sql,
    orphaned: orphanedAccounts.compile().sql,
    unsent: db
      .selectFrom(sources.debt_accounts.as('account'))
      .select(sql`count(distinct ${key(account('external_id'))})`.as('count'))
      .where(
        sql<boolean>`${account('external_id').reference} is not null and not exists (
          select from (
            select unnest(debt_accounts) as id from tratta_jit.bulk_rows where target = $1
            union all
            select debt_account_external_id from tratta_jit.bulk_rejections where target = $1
            union all
            select unnest(debt_accounts) from tratta_jit.bulk_rejections where target = $1
          ) as known where known.id = ${key(account('external_id'))})`,
      )
      .compile().sql,
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
