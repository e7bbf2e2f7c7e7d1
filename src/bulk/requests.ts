/** Requests and what stands in them, as `tratta_jit` knows them: written before they are sent, settled after. */
import type pg from 'pg'
import type { FormedAccount, FormedRow, OurRefusal } from './form-rows.ts'
import type { OmittedCounts, Run } from './runs.ts'

/** A row of the array, with those of its accounts that are to be sent. */
export interface RowToSend {
  row: FormedRow
  accounts: FormedAccount[]
  json: string
}

/** What a run has come to with one step. All of it is written at once, or nothing. */
export interface Step {
  rows: RowToSend[]
  refusals: OurRefusal[]
  /** Whether something of this step was sent or refused before. */
  isKnown: boolean
  position: string
  customers: number
  withoutAccounts: number
  omitted: OmittedCounts
}

export interface OpenRequest {
  request: string
  state: 'to_send' | 'sending' | 'unknown' | 'sent'
  uncertain: boolean
  completed: boolean
  bulk_id: string | null
  /** Milliseconds since Tratta took it. */
  age_ms: number
  customers: number
}

/** @returns the request, which is still to be sent; undefined when the step has no rows */
export async function writeStep(
  pool: pg.Pool,
  { run, target }: Run,
  step: Step,
): Promise<string | undefined> {
  return transaction(pool, async (client) => {
    await client.query(
      `update tratta_jit.bulk_runs set position = greatest(position, $2), customers = customers + $3,
         without_accounts = without_accounts + $4, omitted = $5 where run = $1`,
      [run, step.position, step.customers, step.withoutAccounts, step.omitted],
    )
    let request: string | undefined
    if (step.rows.length > 0) {
      const accounts = step.rows.reduce((sum, { accounts }) => sum + accounts.length, 0)
      const { rows } = await client.query(
        `insert into tratta_jit.bulk_requests (run, state, customers, debt_accounts)
         values ($1, 'to_send', $2, $3) returning request`,
        [run, step.rows.length, accounts],
      )
      request = rows[0].request as string
      const written = step.rows.map(({ row, accounts }) => ({
        c: row.customer,
        l: row.location,
        a: accounts.map(({ external_id }) => external_id),
        g: accounts.map(({ digest }) => digest | 0),
        d: row.digest | 0,
      }))
      const values = [target, request, JSON.stringify(written)]
      if (step.isKnown) await takeAlong(client, values)
      await client.query(
        `insert into tratta_jit.bulk_rows
         select $1, $2, c, l, a, g, d
         from json_to_recordset($3) as row (c text, l text, a text[], g integer[], d integer)`,
        values,
      )
    }
    await refuseOurselves(client, { run, target }, step.refusals)
    return request
  })
}

/** What is sent now is refused no more, and stands in the earlier request no more. */
async function takeAlong(client: pg.ClientBase, [target, , rows]: unknown[]) {
  await client.query(
    `delete from tratta_jit.bulk_refusals as refusal
     using json_to_recordset($2) as row (c text, l text, a text[])
     where target = $1 and customer_external_id in (c, '')
       and (debt_account_external_id = any(a) or customer_external_id = c and debt_account_external_id = '' and location_external_id = l)`,
    [target, rows],
  )
  const moved = `
    from json_to_recordset($2) as row (c text, a text[])
    where target = $1 and customer_external_id = c and debt_accounts && a`
  await client.query(
    `update tratta_jit.bulk_rows as old set (debt_accounts, digests) = (
       select coalesce(array_agg(id order by place), '{}'), coalesce(array_agg(digest order by place), '{}')
       from unnest(old.debt_accounts, old.digests) with ordinality as kept (id, digest, place)
       where id <> all(a)) ${moved}`,
    [target, rows],
  )
  await client.query(
    `delete from tratta_jit.bulk_rows using json_to_recordset($2) as row (c text)
     where target = $1 and customer_external_id = c and debt_accounts = '{}'`,
    [target, rows],
  )
  // An account that now stands at another location leaves the refusal of its old row behind.
  await client.query(
    `delete from tratta_jit.bulk_refusals as refusal using json_to_recordset($2) as row (c text)
     where target = $1 and customer_external_id = c and request is not null and debt_account_external_id = ''
       and not exists (select from tratta_jit.bulk_rows as row where row.target = refusal.target
         and row.customer_external_id = refusal.customer_external_id
         and row.location_external_id = refusal.location_external_id and row.request = refusal.request)`,
    [target, rows],
  )
}

/** What Tratta has refused stays refused by Tratta. */
export async function refuseOurselves(
  client: pg.ClientBase | pg.Pool,
  { run, target }: Pick<Run, 'run' | 'target'>,
  refusals: OurRefusal[],
) {
  if (refusals.length === 0) return
  await client.query(
    `insert into tratta_jit.bulk_refusals as known
       (target, run, customer_external_id, location_external_id, debt_account_external_id, refused_by, reasons)
     select distinct on (customer, location, account) $1::smallint, $2::bigint, customer, location, account, 'us', array[reason]
     from json_to_recordset($3) as refusal (customer text, location text, account text, reason text)
     on conflict (target, customer_external_id, location_external_id, debt_account_external_id) do update
       set (run, reasons, found_at) = (excluded.run, excluded.reasons, now()) where known.refused_by = 'us'`,
    [target, run, JSON.stringify(refusals)],
  )
}

export async function openRequests(pool: pg.Pool, target: number): Promise<OpenRequest[]> {
  const { rows } = await pool.query<OpenRequest>(
    `select request, state, uncertain, completed, bulk_id, bulk_requests.customers,
       coalesce(extract(epoch from now() - sent_at)::float8 * 1000, 0) as age_ms
     from tratta_jit.bulk_requests join tratta_jit.bulk_runs using (run)
     where target = $1 and state <> 'settled' order by request`,
    [target],
  )
  return rows
}

export interface WrittenRow {
  customer_external_id: string
  location_external_id: string
  debt_accounts: string[]
}

export async function rowsOf(pool: pg.Pool, request: string): Promise<WrittenRow[]> {
  const { rows } = await pool.query<WrittenRow>(
    `select customer_external_id, location_external_id, debt_accounts from tratta_jit.bulk_rows
     where request = $1 order by customer_external_id, location_external_id`,
    [request],
  )
  return rows
}

export const markSending = (pool: pg.Pool, request: string) =>
  pool.query(
    `update tratta_jit.bulk_requests
     set state = 'sending', posts = posts + 1, uncertain = uncertain or state in ('sending', 'unknown')
     where request = $1`,
    [request],
  )

export const markNotTaken = (pool: pg.Pool, request: string, said: string) =>
  pool.query(
    `update tratta_jit.bulk_requests
     set state = case when uncertain then 'unknown' else 'to_send' end, said = $2 where request = $1`,
    [request, said],
  )

export const markUnknown = (pool: pg.Pool, request: string, said: string) =>
  pool.query("update tratta_jit.bulk_requests set state = 'unknown', said = $2 where request = $1", [
    request,
    said,
  ])

export interface Taken {
  bulkId: string
  completed: boolean
  /** What is odd about the answer. */
  said: string | null
}

export const markSent = (pool: pg.Pool, request: string, { bulkId, completed, said }: Taken) =>
  pool.query(
    `update tratta_jit.bulk_requests
     set state = 'sent', bulk_id = $2, completed = $3, sent_at = now(), said = $4 where request = $1`,
    [request, bulkId, completed, said],
  )

/** What can no longer be formed leaves its request; whether it had arrived will not be known. */
export async function dropFromRequest(
  pool: pg.Pool,
  run: Pick<Run, 'run' | 'target'>,
  request: string,
  rows: WrittenRow[],
  refusals: OurRefusal[],
) {
  await transaction(pool, async (client) => {
    await client.query(
      `update tratta_jit.bulk_rows set (debt_accounts, digests) = (
         select coalesce(array_agg(id order by place), '{}'), coalesce(array_agg(digest order by place), '{}')
         from unnest(debt_accounts, digests) with ordinality as kept (id, digest, place) where id <> all(a))
       from json_to_recordset($2) as row (c text, l text, a text[])
       where request = $1 and customer_external_id = c and location_external_id = l`,
      [
        request,
        JSON.stringify(
          rows.map((row) => ({
            c: row.customer_external_id,
            l: row.location_external_id,
            a: row.debt_accounts,
          })),
        ),
      ],
    )
    await client.query("delete from tratta_jit.bulk_rows where request = $1 and debt_accounts = '{}'", [
      request,
    ])
    await client.query(
      `update tratta_jit.bulk_requests set (customers, debt_accounts) = (
         select count(*), coalesce(sum(cardinality(debt_accounts)), 0) from tratta_jit.bulk_rows where request = $1)
       where request = $1`,
      [request],
    )
    await refuseOurselves(client, run, refusals)
  })
}

/** Nothing of it is left to be sent. */
export const markEmpty = (pool: pg.Pool, request: string) =>
  pool.query("update tratta_jit.bulk_requests set state = 'settled' where request = $1", [request])

export async function transaction<Result>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<Result>) {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const result = await work(client)
    await client.query('commit')
    client.release()
    return result
  } catch (error) {
    client.release(true)
    throw error
  }
}
