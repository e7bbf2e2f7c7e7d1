/** When an account was uploaded, and what was rejected. */
import type pg from 'pg'
import { ACCOUNT_STATE, type AccountState, REJECTIONS } from './status.ts'

interface AccountUpload {
  /** When its request was sent; without a request, when it was rejected; otherwise when the request was stored. */
  time: Date
  /** The address of Tratta's API. */
  api_url: string
  run: string
  bulk_id: string | null
  state: AccountState
  rejected_by: 'us' | 'tratta' | null
  /** "field: message", without values. */
  reasons: string[]
  /** When the rejection was found. */
  rejected_at: Date | null
}

const UPLOADS = `
  select coalesce(sent_at, created_at) as time, api_url, request.run, bulk_id, ${ACCOUNT_STATE} as state,
    coalesce(own.rejected_by, whole.rejected_by) as rejected_by,
    coalesce(own.reasons, whole.reasons, '{}') as reasons, coalesce(own.found_at, whole.found_at) as rejected_at
  from tratta_jit.bulk_rows as row
  join tratta_jit.bulk_requests as request using (request)
  join tratta_jit.bulk_targets as target on target.target = row.target
  cross join (values ($1::text collate "C")) as one (account)
  ${REJECTIONS}
  where row.debt_accounts @> array[account]
  union all
  select found_at, api_url, run, null, outcome, rejected_by, reasons, found_at
  from tratta_jit.bulk_rejections as local
  join tratta_jit.bulk_targets as target using (target)
  where rejected_by = 'us' and (debt_account_external_id = $1 or debt_account_external_id = '' and $1 = any(debt_accounts))
    and not exists (select from tratta_jit.bulk_rows as row
      where row.target = local.target and row.customer_external_id = local.customer_external_id
        and row.debt_accounts @> array[$1::text collate "C"])
  order by time desc`

/** The last upload to each address of Tratta, newest first. A later request replaces an earlier one. */
export async function readAccountUploads(pool: pg.Pool, externalId: string): Promise<AccountUpload[]> {
  const { rows } = await pool.query<AccountUpload>(UPLOADS, [externalId])
  return rows
}
