/** The last runs of `bulk push`, with the number of their requests. */
import type pg from 'pg'
import type { OmittedCounts } from '../bulk/omitted-counts.ts'
import { PUSH_IS_RUNNING } from '../bulk/push-lock.ts'

export interface RunRow {
  run: string
  kind: 'all' | 'retry'
  started_at: Date
  ended_at: Date | null
  customers: string
  omitted: OmittedCounts
  requests: number
  settled: number
  /** Whether a push is running; only the latest run without an end can be its run. */
  is_running: boolean
}

const RUNS = 10

export async function readRuns(pool: pg.Pool, target: number): Promise<RunRow[]> {
  const { rows } = await pool.query<RunRow>(
    `select run, kind, started_at, ended_at, customers, omitted, requests, settled,
       ${PUSH_IS_RUNNING} and resumed_at = max(resumed_at) over () as is_running
     from (select * from tratta_jit.bulk_runs where target = $1 order by resumed_at desc limit ${RUNS}) as run
     cross join lateral (
       select count(*)::int as requests, count(*) filter (where state = 'settled')::int as settled
       from tratta_jit.bulk_requests as request where request.run = run.run) as counted
     order by resumed_at desc`,
    [target],
  )
  return rows
}
