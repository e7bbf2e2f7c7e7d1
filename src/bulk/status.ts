/** The whole story of Bulk at one address of Tratta, out of what was written down. */
import type pg from 'pg'
import { number } from '../progress.ts'
import type { OmittedCounts, Run } from './runs.ts'

export interface BulkStatus {
  api_url: string
  /** Whether a push holds the lock now. */
  running: boolean
  run: (Omit<Run, 'run' | 'target'> & { customers: string; without_accounts: string }) | undefined
  /** Each customer once, by the worst that there is of it. `refused`: nothing of it is at Tratta. */
  customers: Record<CustomerState, number>
  debt_accounts: Record<CustomerState, number> & { refused_by_us: number; refused_by_tratta: number }
  requests: {
    by_state: Record<string, number>
    posts: number
    /** Of the last run; undefined with fewer than two. */
    customers_per_minute: number | undefined
    requests_per_minute: number | undefined
    first_at: Date | null
    last_at: Date | null
    /** Read so soon after they were sent that Tratta may have refused more since. */
    read_early: number
    /** The last thing that went wrong with one that is not settled. */
    said: string | null
  }
}

type CustomerState = 'to_send' | 'sent' | 'taken' | 'refused' | 'unknown'

/** A row that Tratta had called pending and that was read within so long is looked at once more. */
export const LATE = "interval '10 minutes'"

const ROWS = `
  select row.customer_external_id as customer, cardinality(row.debt_accounts) as accounts,
    whole.request is not null as is_refused, request.state, request.request
  from tratta_jit.bulk_rows as row
  join tratta_jit.bulk_requests as request using (request)
  left join tratta_jit.bulk_refusals as whole
    on whole.target = row.target and whole.customer_external_id = row.customer_external_id
    and whole.location_external_id = row.location_external_id and whole.debt_account_external_id = ''
    and whole.request = row.request
  where row.target = $1`

const STATE = `case
  when bool_or(state in ('sending', 'unknown')) then 'unknown'
  when bool_or(state = 'to_send') then 'to_send'
  when bool_or(state = 'sent') then 'sent'
  when bool_or(state = 'settled' and not is_refused) then 'taken'
  else 'refused' end`

export async function bulkStatus(pool: pg.Pool, apiUrl: string): Promise<BulkStatus | undefined> {
  const target: number | undefined = await pool
    .query('select target from tratta_jit.bulk_targets where api_url = $1', [apiUrl])
    .then(({ rows }) => rows[0]?.target)
  if (target === undefined) return undefined
  const one = async (text: string) => (await pool.query(text, [target])).rows
  const [run] = await one(
    `select kind, host, pid, started_at, resumed_at, ended_at, position, customers, without_accounts, omitted
     from tratta_jit.bulk_runs where target = $1 order by resumed_at desc limit 1`,
  )
  const customers = await one(
    `select state, count(*)::int from (
       select customer, ${STATE} as state from (
         ${ROWS}
         union all
         select customer_external_id, 0, true, 'settled', null from tratta_jit.bulk_refusals
         where target = $1 and refused_by = 'us' and customer_external_id <> '') as row
       group by customer) as customer group by state`,
  )
  const accounts = await one(
    `select case when state in ('sending', 'unknown') then 'unknown' when state = 'settled' then 'taken'
         else state end as state,
       sum(accounts)::int as count, coalesce(sum(accounts) filter (where is_refused), 0)::int as blocked
     from (${ROWS}) as row group by 1`,
  )
  const refused = await one(
    `select refusal.refused_by,
       count(*) filter (where row.request is not null and whole.request is null)::int as of_sent,
       count(*) filter (where row.request is null)::int as never_sent
     from tratta_jit.bulk_refusals as refusal
     left join tratta_jit.bulk_rows as row on row.target = refusal.target
       and row.customer_external_id = refusal.customer_external_id
       and refusal.debt_account_external_id = any(row.debt_accounts)
     left join tratta_jit.bulk_refusals as whole on whole.target = row.target
       and whole.customer_external_id = row.customer_external_id
       and whole.location_external_id = row.location_external_id
       and whole.debt_account_external_id = '' and whole.request = row.request
     where refusal.target = $1 and refusal.debt_account_external_id <> '' group by 1`,
  )
  const requests = await one(
    `select state, count(*)::int, sum(posts)::int as posts, max(said) filter (where state <> 'settled') as said,
       count(*) filter (where state = 'settled' and not completed
         and errors_read_at < sent_at + ${LATE})::int as read_early
     from tratta_jit.bulk_requests join tratta_jit.bulk_runs using (run) where target = $1 group by state`,
  )
  const [times] = await one(
    `select min(sent_at) as first_at, max(sent_at) as last_at, count(*)::int, sum(request.customers)::int as customers,
       extract(epoch from max(sent_at) - min(sent_at))::float8 / 60 as minutes
     from tratta_jit.bulk_requests as request
     where sent_at is not null
       and run = (select run from tratta_jit.bulk_runs where target = $1 order by resumed_at desc limit 1)`,
  )
  const count = (rows: { state: string; count: number }[], state: CustomerState) =>
    rows.find((row) => row.state === state)?.count ?? 0
  const states = (rows: { state: string; count: number }[]) => ({
    to_send: count(rows, 'to_send'),
    sent: count(rows, 'sent'),
    taken: count(rows, 'taken'),
    refused: count(rows, 'refused'),
    unknown: count(rows, 'unknown'),
  })
  const by = (who: string) => ({
    of_sent: 0,
    never_sent: 0,
    ...refused.find((row) => row.refused_by === who),
  })
  const blocked = accounts.find(({ state }) => state === 'taken')?.blocked ?? 0
  const byTratta = blocked + by('tratta').of_sent
  const byUs = by('us').of_sent + by('us').never_sent
  const sent = states(accounts as never)
  const minutes = times.count > 1 && times.minutes > 0 ? times.minutes : undefined
  return {
    api_url: apiUrl,
    running: await isPushing(pool),
    run,
    customers: states(customers as never),
    debt_accounts: {
      ...sent,
      taken: sent.taken - byTratta - by('us').of_sent,
      refused: byTratta + byUs,
      refused_by_us: byUs,
      refused_by_tratta: byTratta,
    },
    requests: {
      by_state: Object.fromEntries(requests.map(({ state, count }) => [state, count])),
      posts: requests.reduce((sum, { posts }) => sum + posts, 0),
      customers_per_minute: minutes && Math.round(times.customers / minutes),
      requests_per_minute: minutes && Math.round((times.count / minutes) * 10) / 10,
      first_at: times.first_at,
      last_at: times.last_at,
      read_early: requests.reduce((sum, { read_early }) => sum + read_early, 0),
      said: requests.find(({ said }) => said)?.said ?? null,
    },
  }
}

/** Whether somebody holds the lock of runs.ts, as an expression in SQL. */
export const PUSH_RUNS = `exists (select from pg_locks, hashtextextended('tratta_jit.bulk', 0) as key
  where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())
    and granted and objsubid = 1
    and classid::bigint = (key >> 32) & 4294967295 and objid::bigint = key & 4294967295)`

async function isPushing(pool: pg.Pool): Promise<boolean> {
  const { rows } = await pool.query(`select ${PUSH_RUNS} as running`)
  return rows[0].running
}

const time = (date: Date | null) => (date ? date.toISOString().replace(/\.\d+/, '') : 'not yet')

/** One screen for people. */
export function statusScreen({
  api_url,
  running,
  run,
  customers,
  debt_accounts,
  requests,
}: BulkStatus): string {
  const states = (of: Record<CustomerState, number>) =>
    (['taken', 'refused', 'sent', 'unknown', 'to_send'] as const)
      .filter((state) => of[state] > 0 || state === 'taken')
      .map((state) => `${number(of[state])} ${LABEL[state]}`)
      .join(', ')
  const byState = Object.entries(requests.by_state).map(
    ([state, count]) => `${number(count)} ${REQUEST_LABEL[state] ?? state}`,
  )
  const lines: [string, string][] = [
    ['Tratta', api_url],
    [
      'last push',
      run ? `${run.kind === 'retry' ? 'of what was refused, ' : ''}${whenOf(run, running)}` : 'none',
    ],
    ['customers', states(customers)],
    ['accounts', states(debt_accounts)],
    [
      'refused',
      `${number(debt_accounts.refused_by_tratta)} accounts by Tratta, ${number(debt_accounts.refused_by_us)} by us before sending`,
    ],
    ['requests', `${byState.join(', ') || 'none'}; ${number(requests.posts)} sent in all`],
  ]
  if (run && Number(run.without_accounts) > 0)
    lines.push(['', `${number(run.without_accounts)} customers have no account: there is nothing to place`])
  if (requests.customers_per_minute)
    lines.push([
      'rate',
      `${number(requests.customers_per_minute)} customers a minute, ${requests.requests_per_minute} requests a minute, ` +
        `from ${time(requests.first_at)} to ${time(requests.last_at)}`,
    ])
  for (const [what, { count, examples }] of Object.entries(run?.omitted ?? ({} as OmittedCounts)))
    lines.push(['omitted', `${number(count)} × ${what}, e.g. of ${examples.join(', ')}`])
  if (requests.said) lines.push(['last fault', requests.said])
  lines.push(['next', nextStep({ running, run, customers, debt_accounts, requests })])
  return lines.map(([name, text]) => `${name.padEnd(11)}${text}`).join('\n')
}

const LABEL = {
  taken: 'taken',
  refused: 'refused',
  sent: 'sent, refusals not read yet',
  unknown: 'of unknown fate',
  to_send: 'to send',
}
const REQUEST_LABEL: Record<string, string> = {
  to_send: 'to send',
  sending: 'under way',
  unknown: 'of unknown fate',
  sent: 'taken, refusals not read yet',
  settled: 'settled',
}

function whenOf(
  { host, pid, started_at, resumed_at, ended_at }: Omit<Run, 'run' | 'target'>,
  running: boolean,
) {
  const again =
    resumed_at.getTime() - started_at.getTime() > 1000 ? `, taken up again ${time(resumed_at)}` : ''
  const end = ended_at
    ? `ended ${time(ended_at)}`
    : running
      ? `runs now, process ${pid} on ${host}`
      : 'was stopped before its end'
  return `begun ${time(started_at)}${again}; ${end}`
}

export function nextStep({
  running,
  run,
  customers,
  debt_accounts,
  requests,
}: Omit<BulkStatus, 'api_url'>): string {
  if (running) return 'wait for the push that runs'
  if (customers.unknown + customers.to_send > 0 || (run && !run.ended_at))
    return '`bulk push` goes on where it was stopped'
  if (customers.sent > 0) return '`bulk errors` reads what Tratta refused'
  if (requests.read_early > 0)
    return `${debt_accounts.refused > 0 ? '`bulk errors` shows what was refused and' : '`bulk errors`'} reads it again ten minutes after the push: Tratta does not say when it is done`
  if (debt_accounts.refused + customers.refused > 0)
    return '`bulk errors` shows what was refused; correct it, then `bulk push --retry-rejected`'
  return 'nothing'
}
