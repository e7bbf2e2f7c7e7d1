/** Checks whether the lookup can use indexes. */
import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { lookupSql } from '../database/lookup-sql.ts'
import type { Relations } from '../database/relations.ts'
import { formatNumber } from '../terminal/format.ts'
import { type CheckResult, check, errorResult, ok } from './check.ts'
import { type FullTableScan, findFullTableScans, type PlanNode } from './full-table-scans.ts'

/** A full scan of a smaller table is as fast as an index scan. */
const MIN_ROWS = 10_000

export const indexes = check({
  name: 'indexes',
  needs: ['pool', 'relations', 'readable'],
  async run({ pool, relations }) {
    const missing = await missingIndexes(pool, relations)
    return missing.length > 0 ? missing : [ok('the lookup can use indexes')]
  },
})

/** Disables sequential scans for the plan, because Postgres rightly prefers them for small tables. */
async function missingIndexes(pool: pg.Pool, relations: Relations): Promise<CheckResult[]> {
  const client = await pool.connect()
  try {
    await client.query('begin read only')
    for (const kind of ['seqscan', 'hashjoin', 'mergejoin'])
      await client.query(`set local enable_${kind} = off`)
    // Postgres also changes the named statement of `serve` to a generic plan.
    await client.query('set local plan_cache_mode = force_generic_plan')
    const results = new Map<string, CheckResult>()
    for (const scan of findFullTableScans(await explain(client, lookupSql(relations)))) {
      const { table, createIndex } = scan
      const count = await estimateRows(client, scan)
      if (count < MIN_ROWS) continue
      const message = `every call reads all of ${table}, about ${formatNumber(count)} rows: no index can be used`
      const remedy =
        createIndex ??
        `change the view so that Postgres can apply the condition to ${table}: distinct, group by and window functions prevent that`
      results.set(remedy, errorResult(message, remedy))
    }
    return [...results.values()]
  } finally {
    await client.query('rollback').then(
      () => client.release(),
      () => client.release(true),
    )
  }
}

async function explain(client: pg.PoolClient, statement: string): Promise<PlanNode> {
  const name = client.escapeIdentifier(`tratta_jit_${randomUUID()}`)
  await client.query(`prepare ${name} (text) as ${statement}; savepoint prepared`)
  try {
    const { rows } = await client.query<{ 'QUERY PLAN': { Plan: PlanNode }[] }>(
      `explain (format json, verbose) execute ${name} (null)`,
    )
    return rows[0]!['QUERY PLAN'][0]!.Plan
  } finally {
    // A prepared statement outlives the transaction, and a pooler gives this connection to other clients.
    await client.query(`rollback to prepared; deallocate ${name}`)
  }
}

/**
 * Returns the estimate of the last ANALYZE. For a table that was never analyzed, estimates by its size. Looks the
 * table up by its names, because a cast to regclass needs more privileges.
 */
async function estimateRows(client: pg.PoolClient, { schema, name }: FullTableScan): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `select case when reltuples >= 0 then reltuples::float8 else pg_relation_size(c.oid) / 100.0 end::float8 as count
     from pg_class c join pg_namespace n on n.oid = relnamespace where nspname = $1 and relname = $2`,
    [schema, name],
  )
  return Math.round(rows[0]?.count ?? 0)
}
