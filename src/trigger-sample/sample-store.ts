/** All SQL that reads or writes `tratta_jit.trigger_samples`. */
import type pg from 'pg'
import { transaction } from '../database/transaction.ts'
import type { SampledAccount } from './select-accounts.ts'

export type SampleResult = 'accepted' | 'rejected' | 'our_error' | 'no_answer'

export interface SampleRow {
  external_id: string
  traits: string[]
  created_at: Date
  /** Null: not triggered yet. */
  result: SampleResult | null
  /** `field: message`, without values. */
  reasons: string[]
  /** Of our error. */
  request_id: string | null
  our_ms: number | null
  tratta_ms: number | null
  differs: string[]
  not_returned: string[]
}

export type SampleOutcome = Pick<
  SampleRow,
  'reasons' | 'request_id' | 'our_ms' | 'tratta_ms' | 'differs' | 'not_returned'
> & { result: SampleResult }

/** In the order of the sample. */
export async function readSample(pool: pg.Pool, apiUrl: string, size: number): Promise<SampleRow[]> {
  const { rows } = await pool.query<SampleRow>(
    `select external_id, traits, created_at, result, reasons, request_id, our_ms, tratta_ms, differs, not_returned
     from tratta_jit.trigger_samples where api_url = $1 and size = $2 order by position`,
    [apiUrl, size],
  )
  return rows
}

/** Replaces the earlier sample of this API URL. */
export function storeSample(
  pool: pg.Pool,
  apiUrl: string,
  size: number,
  accounts: SampledAccount[],
): Promise<void> {
  return transaction(pool, async (client) => {
    await client.query('delete from tratta_jit.trigger_samples where api_url = $1', [apiUrl])
    await client.query(
      `insert into tratta_jit.trigger_samples (api_url, size, external_id, position, traits)
       select $1, $2, account ->> 'externalId', position, array(select jsonb_array_elements_text(account -> 'traits'))
       from jsonb_array_elements($3::jsonb) with ordinality as one (account, position)`,
      [apiUrl, size, JSON.stringify(accounts)],
    )
  })
}

export async function storeOutcome(
  pool: pg.Pool,
  apiUrl: string,
  externalId: string,
  { result, reasons, request_id, our_ms, tratta_ms, differs, not_returned }: SampleOutcome,
): Promise<void> {
  await pool.query(
    `update tratta_jit.trigger_samples
     set (result, reasons, request_id, our_ms, tratta_ms, differs, not_returned, finished_at) =
       ($3, $4, $5, $6, $7, $8, $9, now())
     where api_url = $1 and external_id = $2`,
    [apiUrl, externalId, result, reasons, request_id, our_ms, tratta_ms, differs, not_returned],
  )
}

/**
 * The time that each call of the sample took in `serve`, from the call log. Empty if CALL_LOG_DAYS is 0, or the log cannot
 * be read.
 */
export async function readCallTimes(pool: pg.Pool, apiUrl: string): Promise<number[]> {
  const { rows } = await pool
    .query<{ ms: number }>(
      `select distinct on (sample.external_id) call.ms
       from tratta_jit.trigger_samples as sample
       join tratta_jit.calls as call on call.external_id = sample.external_id
         and call.time between sample.created_at - interval '1 minute' and sample.finished_at + interval '5 seconds'
       where sample.api_url = $1 order by sample.external_id, call.time desc`,
      [apiUrl],
    )
    .catch(() => ({ rows: [] }))
  return rows.map(({ ms }) => ms)
}
