/** Stores a planned batch before it is sent: its request with the rows, its rejections, the position of the run. */
import type pg from 'pg'
import { transaction } from '../database/transaction.ts'
import type { LocalRejection } from './build-rows.ts'
import type { OmittedCounts } from './omitted-counts.ts'
import type { Batch } from './plan.ts'
import { reasonText } from './rejection-reasons.ts'
import type { Run } from './runs.ts'

/** @returns the request, in the state to_send; undefined when the batch has no rows */
export async function storeBatch(
  pool: pg.Pool,
  { run, target }: Run,
  batch: Batch,
  omitted: OmittedCounts,
): Promise<string | undefined> {
  return transaction(pool, async (client) => {
    await client.query(
      `update tratta_jit.bulk_runs set position = greatest(position, $2), customers = customers + $3,
         without_accounts = without_accounts + $4, omitted = $5 where run = $1`,
      [run, batch.position, batch.customers, batch.withoutAccounts, omitted],
    )
    const request = batch.rows.length > 0 ? await storeRequest(client, run, target, batch) : undefined
    await storeLocalRejections(client, { run, target }, batch.rejections)
    return request
  })
}

async function storeRequest(
  client: pg.ClientBase,
  run: string,
  target: number,
  { rows, supersedes }: Batch,
): Promise<string> {
  const accounts = rows.reduce((sum, { accounts }) => sum + accounts.length, 0)
  const { rows: created } = await client.query<{ request: string }>(
    `insert into tratta_jit.bulk_requests (run, state, row_count, debt_accounts, maybe_accepted)
     values ($1, case when $4 then 'unknown' else 'to_send' end, $2, $3, $4) returning request`,
    [run, rows.length, accounts, rows.some(({ maybeAccepted }) => maybeAccepted)],
  )
  const { request } = created[0]!
  const stored = rows.map(({ row, accounts }, index) => ({
    c: row.customer,
    l: row.location,
    n: index + 1,
    a: accounts.map(({ external_id }) => external_id),
    g: accounts.map(({ digest }) => digest | 0),
    d: row.digest | 0,
  }))
  const json = JSON.stringify(stored)
  if (supersedes) await supersede(client, target, json)
  await client.query(
    `insert into tratta_jit.bulk_rows
     select $1, $2, c, l, n, a, g, d
     from json_to_recordset($3) as row (c text, l text, n integer, a text[], g integer[], d integer)`,
    [target, request, json],
  )
  return request
}

/** Clears earlier rejections of these accounts, and removes the accounts from earlier requests. */
async function supersede(client: pg.ClientBase, target: number, rows: string) {
  const values = [target, rows]
  await client.query(
    `delete from tratta_jit.bulk_rejections as rejection
     using json_to_recordset($2) as row (c text, l text, a text[])
     where target = $1 and unmatched = 0 and customer_external_id in (c, '')
       and (debt_account_external_id = any(a)
         or customer_external_id = c and debt_account_external_id = '' and location_external_id = l)`,
    values,
  )
  await client.query(
    `update tratta_jit.bulk_rows as old set (debt_accounts, digests) = (
       select coalesce(array_agg(id order by place), '{}'), coalesce(array_agg(digest order by place), '{}')
       from unnest(old.debt_accounts, old.digests) with ordinality as kept (id, digest, place)
       where id <> all(a))
     from json_to_recordset($2) as row (c text, a text[])
     where target = $1 and customer_external_id = c and debt_accounts && a`,
    values,
  )
  const { rows: emptied } = await client.query<{ request: string }>(
    `delete from tratta_jit.bulk_rows using json_to_recordset($2) as row (c text)
     where target = $1 and customer_external_id = c and debt_accounts = '{}' returning request`,
    values,
  )
  // A request without rows says nothing any more.
  const { rows: without } = await client.query<{ request: string }>(
    `update tratta_jit.bulk_requests as request set doubt = null where request = any($1)
       and not exists (select from tratta_jit.bulk_rows where bulk_rows.request = request.request) returning request`,
    [[...new Set(emptied.map(({ request }) => request))]],
  )
  await client.query('delete from tratta_jit.bulk_rejections where unmatched > 0 and request = any($1)', [
    without.map(({ request }) => request),
  ])
  // An account that moved to another location was the last one of a rejected row.
  await client.query(
    `delete from tratta_jit.bulk_rejections as rejection using json_to_recordset($2) as row (c text)
     where target = $1 and customer_external_id = c and request is not null and debt_account_external_id = ''
       and unmatched = 0
       and not exists (select from tratta_jit.bulk_rows as row where row.target = rejection.target
         and row.customer_external_id = rejection.customer_external_id
         and row.location_external_id = rejection.location_external_id and row.request = rejection.request)`,
    values,
  )
}

/** A rejection by Tratta of the same account or row is kept. */
export async function storeLocalRejections(
  client: pg.ClientBase,
  { run, target }: Pick<Run, 'run' | 'target'>,
  rejections: LocalRejection[],
) {
  if (rejections.length === 0) return
  const stored = rejections.map(({ reason, accounts = [], ...key }) => ({
    ...key,
    accounts,
    code: reason.code,
    outcome: reason.code === 'not_rebuildable' ? 'unknown' : 'rejected',
    reason: reasonText(reason),
  }))
  await client.query(
    `insert into tratta_jit.bulk_rejections as known
       (target, run, customer_external_id, location_external_id, debt_account_external_id, rejected_by,
        outcome, code, reasons, debt_accounts)
     select distinct on (customer, location, account)
       $1::smallint, $2::bigint, customer, location, account, 'us', outcome, code, array[reason], accounts
     from json_to_recordset($3) as rejection
       (customer text, location text, account text, accounts text[], outcome text, code text, reason text)
     on conflict (target, customer_external_id, location_external_id, debt_account_external_id, unmatched)
       do update set (run, outcome, code, reasons, debt_accounts, found_at) =
         (excluded.run, excluded.outcome, excluded.code, excluded.reasons, excluded.debt_accounts, now())
       where known.rejected_by = 'us'`,
    [target, run, JSON.stringify(stored)],
  )
}
