/** Stores what Tratta rejected of a request, with the customers and accounts. */
import type pg from 'pg'
import { transaction } from '../database/transaction.ts'
import { findRowRejections, type TrattaRejection } from './find-row-rejections.ts'
import { matchErrors, normalizeId, type SentRow } from './match-errors.ts'
import type { RowErrors } from './parse-errors.ts'
import type { Doubt } from './requests.ts'

interface RequestRow {
  maybe_accepted: boolean
  run: string
  target: number
  row_count: number
  reported_count: number | null
}

/**
 * Replaces the earlier rejections of the request. All that is not rejected is accepted, unless there is a doubt.
 * @param isFinal false while Tratta may still be processing the request
 * @returns the number of rows with something that is rejected
 */
export async function storeErrors(
  pool: pg.Pool,
  request: string,
  all: RowErrors[],
  isFinal: boolean,
): Promise<number> {
  return transaction(pool, async (client) => {
    const { rows: requests } = await client.query<RequestRow>(
      `select maybe_accepted, run, target, row_count, reported_count
       from tratta_jit.bulk_requests join tratta_jit.bulk_runs using (run)
       where request = $1 for update of bulk_requests`,
      [request],
    )
    const { maybe_accepted, run, target, row_count, reported_count } = requests[0]!
    const { rows } = await client.query<SentRow>(
      `select customer_external_id, location_external_id, row_number, debt_accounts, digests, digest
       from tratta_jit.bulk_rows where target = $1 and request = $2`,
      [target, request],
    )
    const { matched, unmatched: candidates } = matchErrors(rows, all)
    const isElsewhere = await readElsewhere(client, target, request, all)
    const unmatched = candidates.filter((errors) => !isElsewhere(errors))
    const rejections = matched.flatMap((one) =>
      findRowRejections(one, maybe_accepted, (account) =>
        isElsewhere({ ...one.errors, accounts: [account] }),
      ),
    )
    await client.query(
      "delete from tratta_jit.bulk_rejections where request = $1 and rejected_by = 'tratta'",
      [request],
    )
    await insertRejections(client, { target, run, request }, rejections, unmatched)
    const rejectedRows = new Set(
      rejections.map(({ customer, location }) => JSON.stringify([customer, location])),
    )
    const isCountExplained = reported_count === null || reported_count + rejectedRows.size >= row_count
    const doubt: Doubt | null =
      unmatched.length > 0 ? 'unmatched_rejections' : isCountExplained ? null : 'count_differs'
    await client.query(
      `update tratta_jit.bulk_requests set errors_read_at = now(), doubt = $3, last_error = $4,
         state = case when $2 then 'settled' else state end
       where request = $1`,
      [request, isFinal, doubt, doubt && doubtText(doubt, unmatched.length, reported_count, row_count)],
    )
    return rejectedRows.size + unmatched.length
  })
}

const doubtText = (doubt: Doubt, unmatched: number, count: number | null, rows: number) =>
  doubt === 'count_differs'
    ? `Tratta counts ${count} of ${rows} rows`
    : `${unmatched} rejections match none of its rows`

/** Returns the error rows whose accounts are in a later request. The errors of that request decide about them. */
async function readElsewhere(client: pg.ClientBase, target: number, request: string, all: RowErrors[]) {
  const customers = [...new Set(all.flatMap(({ customer }) => [customer, normalizeId(customer)]))]
  const { rows } = await client.query<{ customer: string; accounts: string[] }>(
    `select customer_external_id as customer, debt_accounts as accounts from tratta_jit.bulk_rows
     where target = $1 and customer_external_id = any($2) and request > $3`,
    [target, customers, request],
  )
  const later = new Map(
    [...Map.groupBy(rows, ({ customer }) => normalizeId(customer))].map(([customer, found]) => [
      customer,
      new Set(found.flatMap(({ accounts }) => accounts.map(normalizeId))),
    ]),
  )
  return ({ customer, accounts, byAccount }: RowErrors) => {
    const named = [...accounts, ...byAccount.keys()].filter((id) => id !== '')
    const found = later.get(normalizeId(customer))
    return found !== undefined && named.length > 0 && named.every((id) => found.has(normalizeId(id)))
  }
}

async function insertRejections(
  client: pg.ClientBase,
  { target, run, request }: { target: number; run: string; request: string },
  rejections: TrattaRejection[],
  unmatched: RowErrors[],
) {
  if (rejections.length + unmatched.length === 0) return
  const stored = [
    ...rejections.map((one) => ({ ...one, unmatched: 0 })),
    ...unmatched.map(({ customer, location, whole, byAccount }, index) => ({
      customer,
      location,
      account: [...byAccount.keys()][0] ?? '',
      outcome: 'unmatched',
      code: 'unmatched',
      reasons: [...whole, ...[...byAccount.values()].flatMap(({ reasons }) => reasons)],
      digest: null,
      // Unique with the ids, which may be empty.
      unmatched: Number(BigInt(request) % 1_000_000n) * 1001 + index + 1,
    })),
  ]
  await client.query(
    `insert into tratta_jit.bulk_rejections
       (target, run, request, customer_external_id, location_external_id, debt_account_external_id,
        rejected_by, outcome, code, reasons, digest, unmatched)
     select distinct on (customer, location, account, unmatched)
       $1::smallint, $2::bigint, $3::bigint, customer, location, account, 'tratta', outcome, code, reasons,
       digest, unmatched
     from json_to_recordset($4) as rejection (customer text, location text, account text, outcome text,
       code text, reasons text[], digest integer, unmatched integer)
     order by customer, location, account, unmatched, outcome
     on conflict (target, customer_external_id, location_external_id, debt_account_external_id, unmatched)
       do update set (run, request, rejected_by, outcome, code, reasons, digest, found_at) =
         (excluded.run, excluded.request, 'tratta', excluded.outcome, excluded.code, excluded.reasons,
          excluded.digest, now())`,
    [target, run, request, JSON.stringify(stored)],
  )
}
