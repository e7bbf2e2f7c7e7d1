/** Counts and response times of calls, for the charts, and the latest errors. */
import type pg from 'pg'
import { CALL_OUTCOMES } from '../responder/problem.ts'

export interface Summary {
  total: number
  counts: Map<string, number>
  /** Milliseconds, to within 3 %; undefined without calls. */
  p50: number | undefined
  p99: number | undefined
}

export interface Statistics extends Summary {
  /** Consecutive, the latest last. Each has `seconds`. */
  intervals: (Summary & { start: Date })[]
  seconds: number
}

interface CountRow {
  /** Unix time in seconds. */
  start: number
  outcome: string
  /** The logarithm of the milliseconds, times LOG_STEPS. */
  size: number
  count: number
}

/**
 * Postgres counts calls by rounded logarithms of their milliseconds: that needs no sort, unlike percentile_cont, and a
 * step is 5 %.
 */
const LOG_STEPS = 20
const MIN_MS = 0.1

/** @param count the number of intervals */
export async function readStatistics(pool: pg.Pool, seconds: number, count: number): Promise<Statistics> {
  const now = Math.floor(Date.now() / 1000 / seconds) * seconds
  const first = now - (count - 1) * seconds
  const { rows } = await pool.query<CountRow>(
    `select extract(epoch from date_bin($1 * interval '1 second', time, to_timestamp(0)))::float8 as start, outcome,
       round(ln(greatest(ms, ${MIN_MS})) * ${LOG_STEPS})::int as size, count(*)::int
     from tratta_jit.calls where time >= to_timestamp($2) group by 1, 2, 3`,
    [seconds, first],
  )
  const byStart = Map.groupBy(rows, ({ start }) => start)
  return {
    ...summaryOf(rows),
    seconds,
    intervals: Array.from({ length: count }, (_, index) => {
      const start = first + index * seconds
      return { start: new Date(start * 1000), ...summaryOf(byStart.get(start) ?? []) }
    }),
  }
}

function summaryOf(rows: CountRow[]): Summary {
  const counts = new Map<string, number>()
  let total = 0
  for (const { outcome, count } of rows) {
    counts.set(outcome, (counts.get(outcome) ?? 0) + count)
    total += count
  }
  const sorted = rows.toSorted((one, other) => one.size - other.size)
  return { total, counts, p50: percentile(sorted, total * 0.5), p99: percentile(sorted, total * 0.99) }
}

function percentile(sorted: CountRow[], rank: number): number | undefined {
  let seen = 0
  for (const { size, count } of sorted) {
    seen += count
    if (seen >= rank) return Math.exp(size / LOG_STEPS)
  }
  return undefined
}

export interface ErrorRow {
  time: Date
  request_id: string
  external_id: string | null
  outcome: string
  error: string | null
}

/** Reads the index of each outcome: a filter on all calls would read all of them when there are few errors. */
export async function readLastErrors(pool: pg.Pool, limit: number): Promise<ErrorRow[]> {
  const { rows } = await pool.query<ErrorRow>(
    `select call.* from unnest($1::text[]) as of_outcome cross join lateral (
       select time, request_id, external_id, outcome, error from tratta_jit.calls
       where outcome = of_outcome and outcome <> 'answered' order by time desc limit ${limit}) as call
     order by time desc limit ${limit}`,
    [CALL_OUTCOMES.filter((outcome) => outcome !== 'answered')],
  )
  return rows
}

export interface OmittedRow {
  field: string
  count: number
}

/** @returns the fields that were omitted in the last day, the most frequent first */
export async function readOmitted(pool: pg.Pool, limit: number): Promise<OmittedRow[]> {
  const { rows } = await pool.query<OmittedRow>(
    `select field, count(*)::int from tratta_jit.calls cross join unnest(omitted) as field
     where omitted is not null and time >= now() - interval '1 day'
     group by field order by count(*) desc, field limit ${limit}`,
  )
  return rows
}
