/** The generic plan of the statement that `serve` executes. */
import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { accountStatement, compile } from '../database/account-statement.ts'
import type { Relations } from '../database/relations.ts'
import type { PlanNode } from './plan-scans.ts'

const COMPILE_MS = 60_000
/** Only for a statement that is executed. */
const EXECUTE_MS = 5000

interface ExplainOptions {
  /** Executes the statement for this account. Without it the statement is only planned. */
  externalId?: string
  /** Whether Postgres plans an index also for tables so small that it would read all of them. */
  prefersIndexes?: boolean
}

/**
 * Postgres changes the named statement of `serve` to a generic plan at the sixth execution, unless the plan costs more.
 * @param use gets the client in the transaction of the plan
 */
export async function explainLookup<Result>(
  pool: pg.Pool,
  { schema }: Relations,
  { externalId, prefersIndexes }: ExplainOptions,
  use: (plan: PlanNode, client: pg.PoolClient) => Result | Promise<Result>,
): Promise<Result> {
  const { inline } = await compile(pool, accountStatement(schema, false), { queryMs: COMPILE_MS })
  const client = await pool.connect()
  try {
    await client.query('begin read only')
    if (prefersIndexes)
      for (const kind of ['seqscan', 'hashjoin', 'mergejoin'])
        await client.query(`set local enable_${kind} = off`)
    if (externalId !== undefined) await client.query(`set local statement_timeout = ${EXECUTE_MS}`)
    await client.query('set local plan_cache_mode = force_generic_plan')
    return await use(await explain(client, inline.text, externalId), client)
  } finally {
    await client.query('rollback').then(
      () => client.release(),
      () => client.release(true),
    )
  }
}

async function explain(client: pg.PoolClient, text: string, externalId: string | undefined) {
  const name = client.escapeIdentifier(`tratta_jit_${randomUUID()}`)
  await client.query(`prepare ${name} (text) as ${text}; savepoint prepared`)
  try {
    const [options, value] =
      externalId === undefined ? ['', 'null'] : [', analyze', client.escapeLiteral(externalId)]
    const { rows } = await client.query<{ 'QUERY PLAN': { Plan: PlanNode }[] }>(
      `explain (format json, verbose${options}) execute ${name} (${value})`,
    )
    return rows[0]!['QUERY PLAN'][0]!.Plan
  } finally {
    // A prepared statement outlives the transaction, and a pooler gives this connection to other clients.
    await client.query(`rollback to prepared; deallocate ${name}`)
  }
}
