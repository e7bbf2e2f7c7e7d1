/** Whether the lookup's plan can use indexes. */
import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { lookupSql } from '../database/lookup-sql.ts'
import type { Relations } from '../database/relations.ts'
import { number } from '../terminal/progress.ts'
import { check, errorFinding, type Finding, ok } from './check.ts'
import { type PlanNode, type WholeRead, wholeReads } from './explain.ts'

/** Fewer rows than this are read whole as fast as by an index. */
const MANY_ROWS = 10_000

export const indexes = check({
  name: 'indexes',
  needs: ['pool', 'relations', 'readable'],
  async run({ pool, relations }) {
    const missing = await missingIndexes(pool, relations)
    return missing.length > 0 ? missing : [ok('the lookup can use indexes')]
  },
})

/** Judged by the plan that Postgres has when it may not read tables whole: small ones it rightly does. */
async function missingIndexes(pool: pg.Pool, relations: Relations): Promise<Finding[]> {
  const client = await pool.connect()
  try {
    await client.query('begin read only')
    for (const kind of ['seqscan', 'hashjoin', 'mergejoin'])
      await client.query(`set local enable_${kind} = off`)
    // As the named statement of `serve` ends up: one plan for all accounts.
    await client.query('set local plan_cache_mode = force_generic_plan')
    const found = new Map<string, Finding>()
    for (const read of wholeReads(await planOf(client, lookupSql(relations)))) {
      const { table, createIndex } = read
      const count = await rowsIn(client, read)
      if (count < MANY_ROWS) continue
      const message = `every call reads all of ${table}, about ${number(count)} rows: no index is of use`
      const remedy =
        createIndex ??
        `let the view pass the condition on to ${table}: distinct, group by and window functions keep it back`
      found.set(remedy, errorFinding(message, remedy))
    }
    return [...found.values()]
  } finally {
    await client.query('rollback').then(
      () => client.release(),
      () => client.release(true),
    )
  }
}

async function planOf(client: pg.PoolClient, statement: string): Promise<PlanNode> {
  const name = client.escapeIdentifier(`tratta_jit_${randomUUID()}`)
  await client.query(`prepare ${name} (text) as ${statement}; savepoint prepared`)
  try {
    const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
      `explain (format json, verbose) execute ${name} (null)`,
    )
    return rows[0]!['QUERY PLAN'][0].Plan
  } finally {
    // It outlives the transaction, and behind a pooler this connection is soon somebody else's.
    await client.query(`rollback to prepared; deallocate ${name}`)
  }
}

/** As Postgres last counted them; never counted, by the size of the table. By names: regclass needs more rights. */
async function rowsIn(client: pg.PoolClient, { schema, name }: WholeRead): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `select case when reltuples >= 0 then reltuples::float8 else pg_relation_size(c.oid) / 100.0 end::float8 as count
     from pg_class c join pg_namespace n on n.oid = relnamespace where nspname = $1 and relname = $2`,
    [schema, name],
  )
  return Math.round(rows[0]?.count ?? 0)
}
