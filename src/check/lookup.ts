/** The lookup's plan, and its time for the account with the most children. */

import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { DeadlineExceededError } from '../database/database-errors.ts'
import { accountStatement, findAccount, lookupSql } from '../database/find-account.ts'
import { limitsWithin } from '../database/pool.ts'
import type { Relations } from '../database/relations.ts'
import { number } from '../progress.ts'
import { check, type Finding, failure, ok, warning } from './check.ts'
import { type PlanNode, wholeReads } from './explain.ts'

/** Fewer rows than this are read whole as fast as by an index. */
const MANY_ROWS = 10_000
const TIMES = 5
/** A tenth of the time in which a person begins to wonder. */
const SLOW_MS = 100

export const lookup = check({
  name: 'lookup',
  needs: ['pool', 'relations', 'readable'],
  settings: ['JIT_DEADLINE_MS'],
  async run({ pool, relations, config, isQuick }) {
    const missing = await missingIndexes(pool, relations)
    const account = await anAccount(pool, relations, isQuick)
    if (!account)
      return [...missing, warning(`${relations.schema}.debt_accounts is empty`, 'fill it, or mend the view')]
    const { external_id, children } = account
    const whose = `${external_id}, with ${children} ${children === 1 ? 'child' : 'children'}`
    const statement = accountStatement(relations.schema, false)
    const times: number[] = []
    try {
      while (times.length < TIMES) {
        const begun = performance.now()
        await findAccount(pool, statement, external_id, limitsWithin(config.JIT_DEADLINE_MS))
        times.push(performance.now() - begun)
      }
    } catch (error) {
      if (!(error instanceof DeadlineExceededError)) throw error
      return [
        ...missing,
        failure(
          `the lookup of ${whose}, does not end in time`,
          'mend what is slow: see the plan by EXPLAIN ANALYZE',
        ),
      ]
    }
    const ms = times.sort((a, b) => a - b)[Math.floor(TIMES / 2)]!
    if (missing.length > 0) return missing
    const said = `${ms.toFixed(1)} ms for the account ${whose}`
    return ms > SLOW_MS
      ? [
          warning(
            `slow: ${said}, though indexes can be used`,
            'analyze the tables; look for functions and joins in the views',
          ),
        ]
      : [ok(`indexes can be used; ${said}`)]
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
    for (const { table, createIndex } of wholeReads(await planOf(client, lookupSql(relations)))) {
      const count = await rowsIn(client, table)
      if (count < MANY_ROWS) continue
      const said = `every call reads all of ${table}, about ${number(count)} rows: no index is of use`
      const todo =
        createIndex ??
        `let the view pass the condition on to ${table}: distinct, group by and window functions keep it back`
      found.set(todo, failure(said, todo))
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
    const { rows } = await client.query(`explain (format json, verbose) execute ${name} (null)`)
    return rows[0]['QUERY PLAN'][0].Plan
  } finally {
    // It outlives the transaction, and behind a pooler this connection is soon somebody else's.
    await client.query(`rollback to prepared; deallocate ${name}`)
  }
}

/** As Postgres last counted them; never counted, by the size of the table. */
async function rowsIn(client: pg.PoolClient, table: string): Promise<number> {
  const { rows } = await client.query(
    `select case when reltuples >= 0 then reltuples::float8 else pg_relation_size(oid) / 100.0 end::float8 as count
     from pg_class where oid = $1::regclass`,
    [table],
  )
  return Math.round(rows[0].count)
}

/** That with the most children; quickly, any. */
async function anAccount(pool: pg.Pool, { schema, columns }: Relations, isQuick: boolean) {
  const table = `${pg.escapeIdentifier(schema)}.debt_accounts`
  if (!isQuick && columns.debt_accounts.has('parent_external_id')) {
    const { rows } = await pool.query<{ external_id: string; children: number }>(
      `select parent_external_id::text as external_id, count(*)::int as children from ${table}
       where parent_external_id is not null group by 1 order by 2 desc, 1 limit 1`,
    )
    if (rows[0]) return rows[0]
  }
  const { rows } = await pool.query<{ external_id: string; children: number }>(
    `select external_id::text, 0 as children from ${table} where external_id is not null limit 1`,
  )
  return rows[0]
}
