/** The state of Bulk at one address of Tratta, from what is stored. */
import type pg from 'pg'
import type { CustomerSource } from './customer-source.ts'
import { isPushRunning } from './push-lock.ts'
import { type RequestCounts, readRequestCounts } from './request-counts.ts'
import { findTarget, type Run } from './runs.ts'

export type AccountState = 'to_send' | 'sent' | 'accepted' | 'rejected' | 'unknown'
export type StateCounts = Record<AccountState, number>

export interface BulkStatus {
  api_url: string
  /** Whether a push is running now. */
  running: boolean
  /** The last one. */
  run: StatusRun | undefined
  /** Each customer once, by the worst state of its accounts. `rejected`: Tratta has nothing of it. */
  customers: StateCounts
  /** The sum of the five states is every account of the database and every account that was sent. */
  accounts: StateCounts & { rejected_by_us: number; rejected_by_tratta: number }
  requests: RequestCounts
}

export type StatusRun = Omit<Run, 'run' | 'target'> & { customers: string; without_accounts: string }

/** The state of an account in `bulk_rows as row` with `bulk_requests as request` and REJECTIONS. */
export const ACCOUNT_STATE = `case
  when own.outcome = 'unknown' or own.code is null and whole.outcome = 'unknown' then 'unknown'
  when own.code is not null or whole.code is not null then 'rejected'
  when state in ('sending', 'unknown') or doubt is not null then 'unknown'
  when state = 'settled' then 'accepted'
  else state end`

/** The rejections of an account, and of its whole row. */
export const REJECTIONS = `
  left join tratta_jit.bulk_rejections as own
    on own.target = row.target and own.customer_external_id = row.customer_external_id
    and own.debt_account_external_id = account and own.outcome <> 'unmatched'
  left join tratta_jit.bulk_rejections as whole
    on whole.target = row.target and whole.customer_external_id = row.customer_external_id
    and whole.location_external_id = row.location_external_id and whole.debt_account_external_id = ''
    and whole.request = row.request and whole.outcome <> 'unmatched'`

/** One row for each account that is stored. */
const ACCOUNTS = `
  select row.customer_external_id as customer, account, ${ACCOUNT_STATE} as state,
    coalesce(own.rejected_by, whole.rejected_by) as rejected_by
  from tratta_jit.bulk_rows as row
  join tratta_jit.bulk_requests as request using (request)
  cross join unnest(row.debt_accounts) as account
  ${REJECTIONS}
  where row.target = $1
  union all
  select customer_external_id, account, outcome, rejected_by
  from tratta_jit.bulk_rejections as local
  cross join unnest(case when debt_account_external_id = '' then debt_accounts
    else array[debt_account_external_id] end) as account
  where target = $1 and rejected_by = 'us'
    and not exists (select from tratta_jit.bulk_rows as row
      where row.target = $1 and row.customer_external_id = local.customer_external_id
        and account = any(row.debt_accounts))`

const WORST_STATE = `case
  when bool_or(state = 'unknown') then 'unknown'
  when bool_or(state = 'to_send') then 'to_send'
  when bool_or(state = 'sent') then 'sent'
  when bool_or(state = 'accepted') then 'accepted'
  else 'rejected' end`

/** Of a target without rows. */
const NO_TARGET = 0

export async function readBulkStatus(
  pool: pg.Pool,
  source: CustomerSource,
  apiUrl: string,
): Promise<BulkStatus> {
  const { target } = (await findTarget(pool, apiUrl)) ?? { target: NO_TARGET }
  const { rows: runs } = await pool.query<StatusRun>(
    `select kind, host, pid, started_at, resumed_at, ended_at, position, customers, without_accounts, omitted
     from tratta_jit.bulk_runs where target = $1 order by resumed_at desc limit 1`,
    [target],
  )
  const { rows: customers } = await pool.query<{ state: AccountState; count: number }>(
    `select state, count(*)::int from (
       select customer, ${WORST_STATE} as state from (${ACCOUNTS}) as account
       where customer <> '' group by customer) as customer
     group by state`,
    [target],
  )
  const { rows: accounts } = await pool.query<{
    state: AccountState
    rejected_by: 'us' | 'tratta' | null
    count: number
  }>(
    `select state, rejected_by, count(distinct account)::int from (${ACCOUNTS}) as account
     group by state, rejected_by`,
    [target],
  )
  const sum = (state: AccountState, by?: 'us' | 'tratta') =>
    accounts
      .filter((row) => row.state === state && (by === undefined || row.rejected_by === by))
      .reduce((total, { count }) => total + count, 0)
  const unsent = await source.countUnsent(target)
  return {
    api_url: apiUrl,
    running: await isPushRunning(pool),
    run: runs[0],
    customers: states((state) => customers.find((row) => row.state === state)?.count ?? 0),
    accounts: {
      ...states((state) => sum(state) + (state === 'to_send' ? unsent : 0)),
      rejected_by_us: sum('rejected', 'us'),
      rejected_by_tratta: sum('rejected', 'tratta'),
    },
    requests: await readRequestCounts(pool, target),
  }
}

const states = (count: (state: AccountState) => number): StateCounts => ({
  to_send: count('to_send'),
  sent: count('sent'),
  accepted: count('accepted'),
  rejected: count('rejected'),
  unknown: count('unknown'),
})
