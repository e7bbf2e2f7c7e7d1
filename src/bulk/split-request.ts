/** Splits a request that Tratta rejects as a whole, down to the rows that it rejects. */
import type pg from 'pg'
import { transaction } from '../database/transaction.ts'
import { updateCounts } from './rebuild-request.ts'

/** Moves rows into a new request, and numbers the rows of both again. @returns the new request */
async function moveRows(client: pg.ClientBase, request: string, rowNumbers: number[]): Promise<string> {
  const { rows } = await client.query<{ request: string }>(
    `insert into tratta_jit.bulk_requests (run, state, row_count, debt_accounts, maybe_accepted, last_error)
     select run, case when maybe_accepted then 'unknown' else 'to_send' end, 0, 0, maybe_accepted, last_error
     from tratta_jit.bulk_requests where request = $1 returning request`,
    [request],
  )
  const moved = rows[0]!.request
  await client.query(
    'update tratta_jit.bulk_rows set request = $2 where request = $1 and row_number = any($3)',
    [request, moved, rowNumbers],
  )
  for (const one of [request, moved]) {
    await client.query(
      `update tratta_jit.bulk_rows as row set row_number = place
       from (select customer_external_id, location_external_id, row_number() over (order by row_number) as place
         from tratta_jit.bulk_rows where request = $1) as numbered
       where request = $1 and row.customer_external_id = numbered.customer_external_id
         and row.location_external_id = numbered.location_external_id`,
      [one],
    )
    await updateCounts(client, one)
  }
  return moved
}

/** @returns the new request with the second half of the rows */
export const splitInHalves = (pool: pg.Pool, request: string, rowCount: number): Promise<string> =>
  transaction(pool, (client) => {
    const half = Math.ceil(rowCount / 2)
    const second = Array.from({ length: rowCount - half }, (_, index) => half + index + 1)
    return moveRows(client, request, second)
  })

/** Messages by row number, from 1. */
export type RowMessages = Map<number, string[]>

/**
 * Stores rejected rows of a request. Where an earlier attempt may have been accepted, the rows are unknown.
 * The other rows stay in the request; when none is left, the request is settled.
 */
export async function rejectRows(pool: pg.Pool, request: string, messages: RowMessages): Promise<void> {
  await transaction(pool, async (client) => {
    const { rows } = await client.query<{ row_count: number }>(
      'select row_count from tratta_jit.bulk_requests where request = $1 for update',
      [request],
    )
    const numbers = [...messages.keys()]
    const reasons = JSON.stringify([...messages].map(([n, r]) => ({ n, r })))
    await client.query(
      `insert into tratta_jit.bulk_rejections
         (target, run, request, customer_external_id, location_external_id, debt_account_external_id,
          rejected_by, outcome, code, reasons, digest)
       select target, run, request, customer_external_id, location_external_id, '', 'tratta',
         case when maybe_accepted then 'unknown' else 'rejected' end, 'rejected_by_tratta', r, digest
       from tratta_jit.bulk_rows join tratta_jit.bulk_requests using (request)
         join json_to_recordset($2) as rejection (n integer, r text[]) on n = row_number
       where request = $1
       on conflict (target, customer_external_id, location_external_id, debt_account_external_id, unmatched)
         do update set (run, request, rejected_by, outcome, code, reasons, digest, found_at) =
           (excluded.run, excluded.request, 'tratta', excluded.outcome, excluded.code, excluded.reasons,
            excluded.digest, now())`,
      [request, reasons],
    )
    const isWhole = numbers.length >= rows[0]!.row_count
    const rejected = isWhole ? request : await moveRows(client, request, numbers)
    await client.query(
      `update tratta_jit.bulk_requests set state = 'settled', errors_read_at = now(), completed = true
       where request = $1`,
      [rejected],
    )
    await client.query(
      `update tratta_jit.bulk_rejections set request = $2
       where request = $1 and debt_account_external_id = '' and (customer_external_id, location_external_id) in
         (select customer_external_id, location_external_id from tratta_jit.bulk_rows where request = $2)`,
      [request, rejected],
    )
  })
}
