/**
 * The state of each bulk request in `tratta_jit.bulk_requests`. Every transition is stored before the next step.
 *
 * | state   | means                                                          | the next push |
 * |---------|----------------------------------------------------------------|---------------|
 * | to_send | Tratta certainly does not have it                              | sends it      |
 * | sending | an attempt was about to start, and its result is not stored    | sends it again |
 * | unknown | an attempt may have been accepted: no complete answer, 429, 5xx | sends it again |
 * | sent    | Tratta returned a bulk_id; its errors are not read completely  | reads the errors |
 * | settled | the errors are read, or they cannot be read (`doubt`)          | nothing       |
 *
 * to_send → sending → sent → settled; sending → unknown → sending; sending → to_send when the connection could
 * not be opened. A request that Tratta rejects as a whole is split (split-request.ts); one that Tratta accepted
 * without a bulk_id is settled with a doubt, and never sent again. Accounts of a settled request are accepted,
 * unless they are in bulk_rejections; with a `doubt` they are unknown.
 */
import type pg from 'pg'

export type RequestState = 'to_send' | 'sending' | 'unknown' | 'sent' | 'settled'

export type Doubt = 'no_bulk_id' | 'count_differs' | 'unmatched_rejections'

interface OpenRequest {
  request: string
  state: 'to_send' | 'sending' | 'unknown' | 'sent'
  completed: boolean
  bulk_id: string | null
  /** Milliseconds since Tratta accepted it. */
  age_ms: number
  row_count: number
}

export interface StoredRow {
  customer_external_id: string
  location_external_id: string
  row_number: number
  debt_accounts: string[]
}

export async function readOpenRequests(pool: pg.Pool, target: number): Promise<OpenRequest[]> {
  const { rows } = await pool.query<OpenRequest>(
    `select request, state, completed, bulk_id, row_count,
       coalesce(extract(epoch from now() - sent_at)::float8 * 1000, 0) as age_ms
     from tratta_jit.bulk_requests join tratta_jit.bulk_runs using (run)
     where target = $1 and state <> 'settled' order by request`,
    [target],
  )
  return rows
}

export async function readStoredRows(pool: pg.Pool, request: string): Promise<StoredRow[]> {
  const { rows } = await pool.query<StoredRow>(
    `select customer_external_id, location_external_id, row_number, debt_accounts from tratta_jit.bulk_rows
     where request = $1 order by row_number`,
    [request],
  )
  return rows
}

export const markSending = (pool: pg.Pool, request: string) =>
  pool.query(
    `update tratta_jit.bulk_requests
     set state = 'sending', attempts = attempts + 1,
       maybe_accepted = maybe_accepted or state in ('sending', 'unknown')
     where request = $1`,
    [request],
  )

/** Of this attempt Tratta certainly accepted nothing. */
export const markNotAccepted = (pool: pg.Pool, request: string, error: string) =>
  pool.query(
    `update tratta_jit.bulk_requests
     set state = case when maybe_accepted then 'unknown' else 'to_send' end, last_error = $2 where request = $1`,
    [request, error],
  )

export const markUnknown = (pool: pg.Pool, request: string, error: string) =>
  pool.query("update tratta_jit.bulk_requests set state = 'unknown', last_error = $2 where request = $1", [
    request,
    error,
  ])

export interface Accepted {
  bulkId: string
  completed: boolean
  /** Rows, as Tratta counted them. */
  count: number | undefined
}

export const markSent = (pool: pg.Pool, request: string, { bulkId, completed, count }: Accepted) =>
  pool.query(
    `update tratta_jit.bulk_requests set state = 'sent', bulk_id = $2, completed = $3, sent_at = now(),
       reported_count = $4, last_error = null where request = $1`,
    [request, bulkId, completed, count ?? null],
  )

/** Tratta accepted it, and its errors can never be read. */
export const markWithoutBulkId = (pool: pg.Pool, request: string, error: string) =>
  pool.query(
    `update tratta_jit.bulk_requests set state = 'settled', sent_at = now(), errors_read_at = now(),
       doubt = 'no_bulk_id', last_error = $2 where request = $1`,
    [request, error],
  )

export const markUnreadable = (pool: pg.Pool, request: string, error: string) =>
  pool.query('update tratta_jit.bulk_requests set last_error = $2 where request = $1', [request, error])

/** All of its accounts are gone, or in other requests. */
export const deleteRequest = (pool: pg.Pool, request: string) =>
  pool.query('delete from tratta_jit.bulk_requests where request = $1', [request])
