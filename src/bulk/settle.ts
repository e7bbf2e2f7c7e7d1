/** Reads what Tratta refused of a request, and writes it beside the customers and accounts that it is about. */
import type pg from 'pg'
import type { RequestOptions, TrattaClient } from '../tratta/client.ts'
import { TrattaError } from '../tratta/tratta-error.ts'
import { type RowErrors, readErrorRow } from './read-errors.ts'
import { transaction } from './requests.ts'

/** Of the rows of a request those that Tratta found at fault. */
export async function fetchErrors(
  client: TrattaClient,
  bulkId: string,
  options: RequestOptions = {},
): Promise<RowErrors[]> {
  const rows: RowErrors[] = []
  const seen = new Set<string>()
  for (let page: string | undefined = ''; page !== undefined; ) {
    const { body, next } = await client.bulkErrors(bulkId, { ...options, page })
    const { data } = (body ?? {}) as { data?: unknown }
    if (!Array.isArray(data)) throw new UnreadableErrors(bulkId, 'its answer has no list `data`')
    for (const row of data) rows.push(readErrorRow(row))
    if (next !== undefined && seen.has(next)) throw new UnreadableErrors(bulkId, 'its pages go in a circle')
    if (next !== undefined) seen.add(next)
    page = next
  }
  return rows
}

export class UnreadableErrors extends Error {
  constructor(bulkId: string, what: string) {
    super(`GET /bulk/${bulkId}/errors: ${what}`)
  }
}

/** Whether it says that this one request is at fault, not the way to Tratta. */
export const isAboutThisOne = (error: unknown) =>
  error instanceof UnreadableErrors ||
  (error instanceof TrattaError && (error.status === 404 || error.status === 422))

interface Row {
  customer_external_id: string
  location_external_id: string
  debt_accounts: string[]
  digests: number[]
  digest: number
}

/**
 * Writes down what was refused of a request; all that is not refused is taken.
 * @param isFinal false while Tratta may not have come to the end of it
 * @returns how many rows have something that is refused
 */
export async function settle(
  pool: pg.Pool,
  request: string,
  errors: RowErrors[],
  isFinal: boolean,
): Promise<number> {
  return transaction(pool, async (client) => {
    const { rows: requests } = await client.query(
      `select uncertain, run, target from tratta_jit.bulk_requests join tratta_jit.bulk_runs using (run)
       where request = $1 for update of bulk_requests`,
      [request],
    )
    const { uncertain, run, target } = requests[0]
    const customers = errors.map(({ customer }) => customer)
    const { rows } = await client.query<Row>(
      `select * from tratta_jit.bulk_rows
       where target = $1 and request = $2 and customer_external_id = any($3)`,
      [target, request, customers],
    )
    const ofCustomer = Map.groupBy(rows, (row) => row.customer_external_id)
    const refusals = errors.flatMap((one) => {
      const row = rowOf(one, ofCustomer.get(one.customer) ?? [])
      return row ? refusalsOf(one, row, uncertain) : []
    })
    if (errors.length > 0) {
      const unknown = await unmatched(client, target, errors)
      refusals.push(...unknown)
    }
    await client.query("delete from tratta_jit.bulk_refusals where request = $1 and refused_by = 'tratta'", [
      request,
    ])
    if (refusals.length > 0)
      await client.query(
        `insert into tratta_jit.bulk_refusals
           (target, run, request, customer_external_id, location_external_id, debt_account_external_id,
            refused_by, reasons, digest)
         select distinct on (c, l, a) $1::smallint, $2::bigint, $3::bigint, c, l, a, 'tratta', r, d
         from json_to_recordset($4) as refusal (c text, l text, a text, r text[], d integer)
         on conflict (target, customer_external_id, location_external_id, debt_account_external_id) do update
           set (run, request, refused_by, reasons, digest, found_at) =
             (excluded.run, excluded.request, excluded.refused_by, excluded.reasons, excluded.digest, now())`,
        [target, run, request, JSON.stringify(refusals)],
      )
    await client.query(
      `update tratta_jit.bulk_requests set errors_read_at = now(), state = case when $2 then 'settled' else state end
       where request = $1`,
      [request, isFinal],
    )
    return new Set(refusals.map(({ c, l }) => JSON.stringify([c, l]))).size
  })
}

interface Refusal {
  c: string
  l: string
  a: string
  r: string[]
  d: number | null
}

/** A customer stands in a request once for each location. */
function rowOf(errors: RowErrors, rows: Row[]): Row | undefined {
  if (rows.length < 2) return rows[0]
  const named = new Set([...errors.accounts, ...errors.byAccount.keys()])
  return (
    rows.find(({ debt_accounts }) => debt_accounts.some((account) => named.has(account))) ??
    rows.find(({ location_external_id }) => location_external_id === errors.location)
  )
}

/**
 * Where an earlier POST of the same row may have arrived, "has already been taken" proves of a customer or an
 * account that it had. Of accounts that are not named, a customer that is taken proves nothing: Tratta creates
 * nothing of a row whose customer is at fault, and a customer may be known to it from elsewhere.
 */
function refusalsOf(errors: RowErrors, row: Row, uncertain: boolean): Refusal[] {
  const { customer_external_id: c, location_external_id: l } = row
  const refusal = (a: string, r: string[], d: number | null): Refusal => ({ c, l, a, r, d })
  const arrived = (account: string) => uncertain && errors.byAccount.get(account)?.isTaken === true
  const made: Refusal[] = []
  const isMixed = uncertain && (errors.isCustomerTaken || row.debt_accounts.some(arrived))
  if (errors.whole.length > 0 && !isMixed) made.push(refusal('', errors.whole, row.digest))
  for (const [index, account] of row.debt_accounts.entries()) {
    if (arrived(account)) continue
    const own = errors.byAccount.get(account)
    // Where something of the row has arrived, the row is not refused: each of the other accounts is.
    const reasons = own?.reasons ?? (isMixed ? errors.whole : [])
    if (reasons.length > 0) made.push(refusal(account, reasons, row.digests[index]!))
  }
  const nameless = errors.byAccount.get('')
  if (nameless && made.every(({ a }) => a !== '')) made.push(refusal('', nameless.reasons, row.digest))
  return made
}

/** What Tratta refuses of customers that we never sent, so far as we know: nothing is dropped. */
async function unmatched(client: pg.PoolClient, target: number, errors: RowErrors[]): Promise<Refusal[]> {
  const { rows } = await client.query<{ customer: string }>(
    `select customer from unnest($2::text[]) as customer
     where not exists (select from tratta_jit.bulk_rows where target = $1 and customer_external_id = customer)`,
    [target, errors.map(({ customer }) => customer)],
  )
  const unknown = new Set(rows.map(({ customer }) => customer))
  return errors
    .filter(({ customer }) => unknown.has(customer))
    .map(({ customer: c, location: l, whole, byAccount }) => ({
      c,
      l,
      a: '',
      r: [...whole, ...[...byAccount.values()].flatMap(({ reasons }) => reasons)],
      d: null,
    }))
}
