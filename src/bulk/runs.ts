/** Which push is under way, and how far it has come: one at a time for a database. */
import { hostname } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'

/** Optional fields that Tratta would refuse, by what it is and what it must be. */
export type OmittedCounts = Record<string, { count: number; examples: string[] }>

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

/** Another push holds the lock. */
export class PushUnderWay extends Error {}

/** Of a program that was killed a moment ago, Postgres may not know it yet. */
const PATIENCE_MS = 2000

/**
 * Takes the lock that a push holds while it runs.
 *
 * It lasts as long as a transaction that does nothing else: PgBouncer in transaction mode keeps a connection
 * for it (a lock of the session would end up with somebody else), and of a program that dies Postgres ends
 * the transaction. Such a transaction holds back no vacuum.
 * @param onLost called when the connection breaks, and the lock is gone
 * @throws {PushUnderWay} that says who runs, and since when
 */
export async function lockPushes(pool: pg.Pool, onLost: () => void): Promise<() => Promise<void>> {
  const client = await pool.connect()
  try {
    for (let waited = 0; ; waited += 200) {
      await client.query('begin')
      await client.query('set local idle_in_transaction_session_timeout = 0')
      const { rows } = await client.query(
        "select pg_try_advisory_xact_lock(hashtextextended('tratta_jit.bulk', 0)) as locked",
      )
      if (rows[0].locked) break
      await client.query('rollback')
      if (waited >= PATIENCE_MS) throw new PushUnderWay(await whoRuns(pool))
      await pause(200)
    }
  } catch (error) {
    client.release(!(error instanceof PushUnderWay))
    throw error
  }
  let held = true
  client.on('end', () => held && onLost())
  return async () => {
    if (!held) return
    held = false
    await client.query('rollback').then(
      () => client.release(),
      () => client.release(true),
    )
  }
}

async function whoRuns(pool: pg.Pool) {
  const { rows } = await pool.query<Run>(
    'select * from tratta_jit.bulk_runs order by resumed_at desc limit 1',
  )
  const [run] = rows
  if (!run || run.ended_at) return 'A push is just starting on this database'
  const since = run.resumed_at.toISOString().replace(/\.\d+/, '')
  return `A push runs on this database: process ${run.pid} on ${run.host}, since ${since}. Two at once would send twice.`
}

export async function targetOf(pool: pg.Pool, apiUrl: string): Promise<number> {
  const find = () => pool.query('select target from tratta_jit.bulk_targets where api_url = $1', [apiUrl])
  const { rows } = await find()
  if (rows[0]) return rows[0].target
  await pool.query('insert into tratta_jit.bulk_targets (api_url) values ($1) on conflict do nothing', [
    apiUrl,
  ])
  return (await find()).rows[0].target
}

/** Continues the run that was left unfinished, or begins one. */
export async function takeUpRun(pool: pg.Pool, target: number, kind: Run['kind']): Promise<Run> {
  const { rows } = await pool.query<Run>(
    `update tratta_jit.bulk_runs set resumed_at = now(), host = $3, pid = $4
     where run = (select run from tratta_jit.bulk_runs
       where target = $1 and kind = $2 and ended_at is null order by run desc limit 1)
     returning *`,
    [target, kind, hostname(), process.pid],
  )
  if (rows[0]) return rows[0]
  const begun = await pool.query<Run>(
    'insert into tratta_jit.bulk_runs (target, kind, host, pid) values ($1, $2, $3, $4) returning *',
    [target, kind, hostname(), process.pid],
  )
  return begun.rows[0]!
}

/** All is read, sent and settled. What we refused before and not in this run is there no more, or in order. */
export async function endRun(pool: pg.Pool, { run, target, kind }: Run) {
  if (kind === 'all')
    await pool.query(
      "delete from tratta_jit.bulk_refusals where target = $1 and refused_by = 'us' and run <> $2",
      [target, run],
    )
  await pool.query('update tratta_jit.bulk_runs set ended_at = now() where run = $1', [run])
}
