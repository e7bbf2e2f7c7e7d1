/** Which relation gives more than one row for an account, after Postgres rejected the lookup (21000). */
import { sql } from 'kysely'
import type pg from 'pg'
import { boundedQuery } from './batched-query.ts'
import { aliasesOf, compilerFor } from './column-sql.ts'
import { type AmbiguousRelation, QueryError } from './database-errors.ts'
import { areSame, isText, referencesOf } from './identifier-sql.ts'
import type { Limits } from './pool.ts'
import type { Relations } from './relations.ts'

/** @returns undefined when a view itself has a subquery that returns more than one row */
export async function findAmbiguousRelation(
  pool: pg.Pool,
  relations: Relations,
  externalId: string,
  limits: Pick<Limits, 'queryMs'>,
): Promise<AmbiguousRelation | undefined> {
  const query = { text: ambiguitySql(relations) }
  try {
    const rows = await boundedQuery<{ customer: boolean; location: boolean }>(
      pool,
      query,
      [externalId],
      limits,
    )
    if (rows.length > 1) return 'debt_account'
    if (rows[0]?.customer) return 'customer'
    return rows[0]?.location ? 'location' : undefined
  } catch (error) {
    if (error instanceof QueryError) return undefined
    throw error
  }
}

function ambiguitySql(relations: Relations): string {
  const { account, reference, customer, location } = aliasesOf(relations)
  return compilerFor(relations)
    .selectFrom('debt_accounts as account')
    .crossJoinLateral(referencesOf(account).as('reference'))
    .where(isText(account('external_id'), sql`$1::text`))
    .select((from) => {
      const customers = from
        .selectFrom('customers as customer')
        .where(areSame(customer('external_id'), reference('customer_external_id')))
        .select(sql<boolean>`count(*) > 1`.as('customer'))
      const locations = from
        .selectFrom('locations as location')
        .where(areSame(location('external_id'), reference('location_external_id')))
        .select(sql<boolean>`count(*) > 1`.as('location'))
      return [customers.as('customer'), locations.as('location')]
    })
    .limit(sql.lit(2))
    .compile().sql
}
