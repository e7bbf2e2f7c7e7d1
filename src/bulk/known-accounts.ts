/** What is stored about the accounts of some customers: where they were sent, and which were rejected. */
import type pg from 'pg'

export interface KnownAccounts {
  /** By account: its last request. */
  sent: Map<string, SentAccount>
  rejections: KnownRejection[]
}

export const NOTHING_KNOWN: KnownAccounts = { sent: new Map(), rejections: [] }

interface SentAccount {
  request: string
  location: string
  /** Sent again it can be proven: "has already been taken" or a second acceptance. */
  isInDoubt: boolean
}

export interface KnownRejection {
  location: string
  /** Empty for the whole row. */
  account: string
  rejectedBy: 'us' | 'tratta'
  isUnknown: boolean
  digest: number | null
  request: string | null
}

interface SentRow {
  customer_external_id: string
  location_external_id: string
  request: string
  debt_accounts: string[]
  is_in_doubt: boolean
}

interface RejectionRow {
  customer_external_id: string
  location_external_id: string
  debt_account_external_id: string
  rejected_by: 'us' | 'tratta'
  is_unknown: boolean
  digest: number | null
  request: string | null
}

/** @returns by customer; nothing for customers that nothing is stored about */
export async function readKnownAccounts(
  pool: pg.Pool,
  target: number,
  customers: string[],
): Promise<Map<string, KnownAccounts>> {
  const known = new Map<string, KnownAccounts>()
  const of = (customer: string) => {
    const found: KnownAccounts = known.get(customer) ?? { sent: new Map(), rejections: [] }
    known.set(customer, found)
    return found
  }
  const sent = await pool.query<SentRow>(
    `select customer_external_id, location_external_id, request, row.debt_accounts,
       coalesce(doubt in ('count_differs', 'unmatched_rejections'), false) as is_in_doubt
     from tratta_jit.bulk_rows as row join tratta_jit.bulk_requests using (request)
     where target = $1 and customer_external_id = any($2)`,
    [target, customers],
  )
  for (const row of sent.rows)
    for (const account of row.debt_accounts)
      of(row.customer_external_id).sent.set(account, {
        request: row.request,
        location: row.location_external_id,
        isInDoubt: row.is_in_doubt,
      })
  const rejections = await pool.query<RejectionRow>(
    `select customer_external_id, location_external_id, debt_account_external_id, rejected_by,
       outcome = 'unknown' as is_unknown, digest, request
     from tratta_jit.bulk_rejections
     where target = $1 and customer_external_id = any($2) and outcome <> 'unmatched'`,
    [target, customers],
  )
  for (const row of rejections.rows)
    of(row.customer_external_id).rejections.push({
      location: row.location_external_id,
      account: row.debt_account_external_id,
      rejectedBy: row.rejected_by,
      isUnknown: row.is_unknown,
      digest: row.digest,
      request: row.request,
    })
  return known
}
