/** Finds an index that Postgres uses although it selects too many rows: of the first of two compared columns. */
import type pg from 'pg'
import { sqlState } from '../database/database-errors.ts'
import type { Relations } from '../database/relations.ts'
import { formatNumber } from '../terminal/format.ts'
import { type CheckResult, warning } from './check.ts'
import { explainLookup } from './explain-lookup.ts'
import { scansOf } from './plan-scans.ts'
import { MIN_ROWS, tablesOf } from './scanned-tables.ts'

const QUERY_CANCELED = '57014'

/** Executes the lookup of this account with a generic plan. */
export async function discardedRows(
  pool: pg.Pool,
  relations: Relations,
  externalId: string,
): Promise<CheckResult[]> {
  try {
    return await explainLookup(pool, relations, { externalId }, async (plan, client) => {
      const tables = await tablesOf(
        client,
        scansOf(plan).filter(({ kind, discarded }) => kind === 'index' && discarded >= MIN_ROWS),
      )
      return tables.map(({ table, scan: { expressions, discarded } }) =>
        warning(
          `the lookup of ${externalId} reads and discards ${formatNumber(discarded)} rows of ${table}: its index selects too many`,
          `create index on ${table} (${expressions.join(', ')})`,
        ),
      )
    })
  } catch (error) {
    // `serve` has its own, better plan.
    if (sqlState(error) === QUERY_CANCELED) return []
    throw error
  }
}
