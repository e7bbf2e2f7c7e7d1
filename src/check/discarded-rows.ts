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
  // The check of the indexes reports these tables.
  const reported = await explainLookup(pool, relations, { prefersIndexes: true }, async (plan, client) =>
    (await tablesOf(client, scansOf(plan)))
      .filter(({ scan }) => scan.kind === 'full' || scan.kind === 'foreign')
      .map(({ table }) => table),
  )
  try {
    return await explainLookup(pool, relations, { externalId }, async (plan, client) => {
      const tables = await tablesOf(
        client,
        scansOf(plan).filter(({ expressions, discarded }) => expressions.length > 0 && discarded >= MIN_ROWS),
      )
      const remedies = Map.groupBy(
        tables.filter(({ table }) => !reported.includes(table)),
        ({ table, scan: { expressions } }) => `create index on ${table} (${expressions.join(', ')})`,
      )
      return [...remedies].map(([remedy, same]) => {
        const discarded = same.reduce((sum, { scan }) => sum + scan.discarded, 0)
        return warning(
          `the lookup of ${externalId} reads and discards ${formatNumber(discarded)} rows of ${same[0]!.table}`,
          remedy,
        )
      })
    })
  } catch (error) {
    // `serve` has its own, better plan.
    if (sqlState(error) === QUERY_CANCELED) return []
    throw error
  }
}
