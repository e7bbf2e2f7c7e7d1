/** The runs of `bulk push` in `tratta_jit.bulk_runs`. A run ends when everything is sent and its errors are read. */
import { hostname } from 'node:os'
import type pg from 'pg'
import type { OmittedCounts } from './omitted-counts.ts'

export interface Run {
  run: string
  target: number
  kind: 'all' | 'retry'
  host: string
  pid: number
  started_at: Date
  resumed_at: Date
  ended_at: Date | null
  position: string
  omitted: OmittedCounts
}

interface TargetRow {
  target: number
  /** Of the unfinished run. */
  position: string | null
}

/** @returns undefined when nothing was ever sent to this address */
export async function findTarget(pool: pg.Pool, apiUrl: string): Promise<TargetRow | undefined> {
  const { rows } = await pool.query<TargetRow>(
    `select target, (select position from tratta_jit.bulk_runs as run
       where run.target = target.target and kind = 'all' and ended_at is null order by run desc limit 1) as position
     from tratta_jit.bulk_targets as target where api_url = $1`,
    [apiUrl],
  )
  return rows[0]
}

export async function findOrCreateTarget(pool: pg.Pool, apiUrl: string): Promise<number> {
  const found = await findTarget(pool, apiUrl)
  if (found) return found.target
  await pool.query('insert into tratta_jit.bulk_targets (api_url) values ($1) on conflict do nothing', [
    apiUrl,
  ])
  return (await findTarget(pool, apiUrl))!.target
}

/** Resumes the unfinished run, or starts one. */
export async function resumeRun(pool: pg.Pool, target: number, kind: Run['kind']): Promise<Run> {
  const values = [target, kind, hostname(), process.pid]
  const resumed = await pool.query<Run>(
    `update tratta_jit.bulk_runs set resumed_at = now(), host = $3, pid = $4
     where run = (select run from tratta_jit.bulk_runs
       where target = $1 and kind = $2 and ended_at is null order by run desc limit 1)
     returning *`,
    values,
  )
  if (resumed.rows[0]) return resumed.rows[0]
  const started = await pool.query<Run>(
    'insert into tratta_jit.bulk_runs (target, kind, host, pid) values ($1, $2, $3, $4) returning *',
    values,
  )
  return started.rows[0]!
}

/** Also deletes our own rejections that this run did not find again: they are corrected or deleted. */
export async function endRun(pool: pg.Pool, { run, target, kind }: Run) {
  if (kind === 'all')
    await pool.query(
      `delete from tratta_jit.bulk_rejections
       where target = $1 and rejected_by = 'us' and outcome = 'rejected' and run <> $2`,
      [target, run],
    )
  await pool.query('update tratta_jit.bulk_runs set ended_at = now() where run = $1', [run])
}

interface Learned {
  rejected: boolean
  unknown: boolean
}

/** What this run rejected, what the command read of earlier runs since it resumed this one, and what is unknown. */
export async function readLearned(pool: pg.Pool, { run, target, resumed_at }: Run): Promise<Learned> {
  const { rows } = await pool.query<Learned>(
    `select exists (select from tratta_jit.bulk_rejections
         where target = $1 and (run = $2 or found_at >= $3)) as rejected,
       exists (select from tratta_jit.bulk_requests join tratta_jit.bulk_runs using (run)
         where target = $1 and (state in ('sending', 'unknown') or doubt is not null))
       or exists (select from tratta_jit.bulk_rejections
         where target = $1 and outcome in ('unknown', 'unmatched')) as unknown`,
    [target, run, resumed_at],
  )
  return rows[0]!
}
