/** The bulk requests of one address of Tratta by state, and their rate. */
import type pg from 'pg'

export interface RequestCounts {
  by_state: Record<string, number>
  attempts: number
  /** Of the last run; undefined with fewer than two. */
  rows_per_minute: number | undefined
  requests_per_minute: number | undefined
  first_at: Date | null
  last_at: Date | null
  /** Read so soon that Tratta may have rejected more since. */
  read_early: number
  /** Settled requests whose accounts are unknown, by the reason. */
  doubts: Record<string, number>
  /** Rejections that match no row that was sent. */
  unmatched_rejections: number
  /** Of a request that is not settled or in doubt. */
  last_error: string | null
}

/** The errors of a pending request are read once more after this time. */
export const LATE_INTERVAL = "interval '10 minutes'"

interface RequestStateRow {
  state: string
  doubt: string | null
  count: number
  attempts: number
  last_error: string | null
  read_early: number
}

interface TimesRow {
  first_at: Date | null
  last_at: Date | null
  count: number
  row_count: number | null
  minutes: number | null
}

export async function readRequestCounts(pool: pg.Pool, target: number): Promise<RequestCounts> {
  const { rows: requests } = await pool.query<RequestStateRow>(
    `select state, doubt, count(*)::int, sum(attempts)::int as attempts,
       max(last_error) filter (where state <> 'settled' or doubt is not null) as last_error,
       count(*) filter (where state = 'settled' and not completed and bulk_id is not null
         and errors_read_at < sent_at + ${LATE_INTERVAL})::int as read_early
     from tratta_jit.bulk_requests join tratta_jit.bulk_runs using (run) where target = $1 group by state, doubt`,
    [target],
  )
  const { rows: times } = await pool.query<TimesRow>(
    `select min(sent_at) as first_at, max(sent_at) as last_at, count(*)::int, sum(row_count)::int as row_count,
       extract(epoch from max(sent_at) - min(sent_at))::float8 / 60 as minutes
     from tratta_jit.bulk_requests
     where sent_at is not null
       and run = (select run from tratta_jit.bulk_runs where target = $1 order by resumed_at desc limit 1)`,
    [target],
  )
  const { rows: unmatched } = await pool.query<{ count: number }>(
    "select count(*)::int from tratta_jit.bulk_rejections where target = $1 and outcome = 'unmatched'",
    [target],
  )
  const { first_at, last_at, count, row_count, minutes } = times[0]!
  const perMinute = (value: number) => (count > 1 && minutes ? value / minutes : undefined)
  const rowsPerMinute = perMinute(row_count ?? 0)
  const requestsPerMinute = perMinute(count)
  const by_state: Record<string, number> = {}
  const doubts: Record<string, number> = {}
  for (const row of requests) {
    by_state[row.state] = (by_state[row.state] ?? 0) + row.count
    if (row.doubt !== null) doubts[row.doubt] = row.count
  }
  return {
    by_state,
    attempts: requests.reduce((total, { attempts }) => total + attempts, 0),
    rows_per_minute: rowsPerMinute && Math.round(rowsPerMinute),
    requests_per_minute: requestsPerMinute && Math.round(requestsPerMinute * 10) / 10,
    first_at,
    last_at,
    read_early: requests.reduce((total, { read_early }) => total + read_early, 0),
    doubts,
    unmatched_rejections: unmatched[0]!.count,
    last_error: requests.find(({ last_error }) => last_error !== null)?.last_error ?? null,
  }
}
