/** Rebuilds the rows of a stored request from the current data. */
import type pg from 'pg'
import { transaction } from '../database/transaction.ts'
import type { SsnLast4Format } from '../payload/column-values.ts'
import { type BuiltRow, buildRows, type LocalRejection } from './build-rows.ts'
import type { CustomerSource } from './customer-source.ts'
import { reasonText } from './rejection-reasons.ts'
import { readStoredRows, type StoredRow } from './requests.ts'
import type { Run } from './runs.ts'
import { type RowToSend, toSend } from './select-accounts.ts'
import { storeLocalRejections } from './store-batch.ts'

/** @returns the rows in the order of their row numbers, which are stored again */
export async function rebuildRequest(
  pool: pg.Pool,
  source: CustomerSource,
  run: Run,
  request: string,
  format: SsnLast4Format,
): Promise<RowToSend[]> {
  const stored = await readStoredRows(pool, request)
  const maybeAccepted = await isMaybeAccepted(pool, request)
  const page = await source.customers([...new Set(stored.map((row) => row.customer_external_id))])
  const customers = new Map(page.customers.map((customer) => [customer.external_id, customer]))
  const remaining: StoredRow[] = []
  const rejections: LocalRejection[] = []
  const rows: RowToSend[] = []
  for (const row of stored) {
    const built = buildRows(customers.get(row.customer_external_id)!, page, format)
    const rebuilt = rebuildRow(row, built.rows)
    if (rebuilt) rows.push(rebuilt)
    const ids = new Set(rebuilt?.accounts.map(({ external_id }) => external_id))
    remaining.push({
      ...row,
      row_number: rows.length,
      debt_accounts: row.debt_accounts.filter((account) => ids.has(account)),
    })
    for (const account of row.debt_accounts) {
      if (ids.has(account)) continue
      const because = built.rejections.find(
        (one) => one.account === account || one.accounts?.includes(account),
      )
      const key = { customer: row.customer_external_id, location: row.location_external_id, account }
      if (maybeAccepted)
        rejections.push({
          ...key,
          reason: { code: 'not_rebuildable', because: because && reasonText(because.reason) },
        })
      else if (because && because.reason.code !== 'customer_missing')
        rejections.push({ ...key, reason: because.reason })
    }
  }
  const isChanged = ({ row_number, debt_accounts }: StoredRow, index: number) =>
    row_number !== stored[index]!.row_number || debt_accounts.length < stored[index]!.debt_accounts.length
  if (remaining.some(isChanged)) await storeRebuilt(pool, run, request, remaining, rejections)
  return rows
}

/** The row of these accounts, at the same location where possible: the accounts may be at another one now. */
function rebuildRow(row: StoredRow, built: BuiltRow[]): RowToSend | undefined {
  const wanted = new Set(row.debt_accounts)
  const isElsewhere = ({ location }: BuiltRow) => Number(location !== row.location_external_id)
  for (const candidate of built.toSorted((a, b) => isElsewhere(a) - isElsewhere(b))) {
    const accounts = candidate.accounts.filter(({ external_id }) => wanted.has(external_id))
    if (accounts.length > 0) return toSend(candidate, accounts)
  }
  return undefined
}

async function isMaybeAccepted(pool: pg.Pool, request: string): Promise<boolean> {
  const { rows } = await pool.query<{ maybe_accepted: boolean }>(
    `select maybe_accepted or state in ('sending', 'unknown') as maybe_accepted
     from tratta_jit.bulk_requests where request = $1`,
    [request],
  )
  return rows[0]!.maybe_accepted
}

/** Removes the accounts that cannot be rebuilt from the request. It is unknown whether Tratta has them. */
async function storeRebuilt(
  pool: pg.Pool,
  run: Run,
  request: string,
  remaining: StoredRow[],
  rejections: LocalRejection[],
) {
  const rows = JSON.stringify(
    remaining.map((row) => ({
      c: row.customer_external_id,
      l: row.location_external_id,
      n: row.row_number,
      a: row.debt_accounts,
    })),
  )
  await transaction(pool, async (client) => {
    await client.query(
      `update tratta_jit.bulk_rows set row_number = n, (debt_accounts, digests) = (
         select coalesce(array_agg(id order by place), '{}'), coalesce(array_agg(digest order by place), '{}')
         from unnest(debt_accounts, digests) with ordinality as old (id, digest, place) where id = any(a))
       from json_to_recordset($2) as row (c text, l text, n integer, a text[])
       where request = $1 and customer_external_id = c and location_external_id = l`,
      [request, rows],
    )
    await client.query("delete from tratta_jit.bulk_rows where request = $1 and debt_accounts = '{}'", [
      request,
    ])
    await updateCounts(client, request)
    await storeLocalRejections(client, run, rejections)
  })
}

export const updateCounts = (client: pg.ClientBase, request: string) =>
  client.query(
    `update tratta_jit.bulk_requests set (row_count, debt_accounts) = (
       select count(*), coalesce(sum(cardinality(debt_accounts)), 0) from tratta_jit.bulk_rows where request = $1)
     where request = $1`,
    [request],
  )
