/** What the bulk commands print for people: the state with the next step, rejections, and the result of a dry run. */

import { formatNumber } from '../terminal/format.ts'
import { printable } from '../terminal/printable.ts'
import type { DryRun } from './dry-run.ts'
import type { RejectionGroup, RejectionRow } from './rejections.ts'
import type { AccountState, BulkStatus, StateCounts, StatusRun } from './status.ts'

const LABELS: Record<AccountState, string> = {
  accepted: 'accepted',
  rejected: 'rejected',
  sent: 'sent, errors not read yet',
  unknown: 'unknown',
  to_send: 'to send',
}
const REQUEST_LABELS: Record<string, string> = {
  to_send: 'to send',
  sending: 'in flight',
  unknown: 'unknown',
  sent: 'sent, errors not read yet',
  settled: 'settled',
}
const DOUBT_LABELS: Record<string, string> = {
  no_bulk_id: 'accepted without a bulk_id: their errors cannot be read',
  count_differs: 'in which Tratta counts fewer rows than were sent',
  unmatched_rejections: 'with rejections that match none of their rows',
}

export function statusText(status: BulkStatus): string {
  const { api_url, running, run, customers, accounts, requests } = status
  const byState = Object.entries(requests.by_state).map(
    ([state, count]) => `${formatNumber(count)} ${REQUEST_LABELS[state] ?? state}`,
  )
  const lines: [string, string][] = [
    ['Tratta', api_url],
    ['last push', run ? runText(run, running) : 'none'],
    ['customers', statesText(customers)],
    ['accounts', statesText(accounts)],
    [
      'rejected',
      `${formatNumber(accounts.rejected_by_tratta)} accounts by Tratta, ${formatNumber(accounts.rejected_by_us)} by us before sending`,
    ],
    ['requests', `${byState.join(', ') || 'none'}; ${formatNumber(requests.attempts)} attempts`],
  ]
  if (run && Number(run.without_accounts) > 0)
    lines.push([
      '',
      `${formatNumber(run.without_accounts)} customers have no account: there is nothing to send`,
    ])
  if (requests.rows_per_minute)
    lines.push([
      'rate',
      `${formatNumber(requests.rows_per_minute)} rows a minute, ${requests.requests_per_minute} requests a minute, ` +
        `from ${time(requests.first_at)} to ${time(requests.last_at)}`,
    ])
  for (const [field, { count, examples }] of Object.entries(run?.omitted ?? {}))
    lines.push(['omitted', `${formatNumber(count)} × ${field}, e.g. of ${printable(examples.join(', '))}`])
  for (const [doubt, count] of Object.entries(requests.doubts))
    lines.push(['unknown', `${formatNumber(count)} requests ${DOUBT_LABELS[doubt] ?? doubt}`])
  if (requests.unmatched_rejections > 0)
    lines.push([
      'unmatched',
      `${formatNumber(requests.unmatched_rejections)} rejections match no row that was sent`,
    ])
  if (requests.last_error) lines.push(['last error', requests.last_error])
  lines.push(['next', nextStep(status)])
  return lines.map(([name, text]) => `${name.padEnd(11)}${text}`).join('\n')
}

const statesText = (counts: StateCounts) =>
  (['accepted', 'rejected', 'sent', 'unknown', 'to_send'] as const)
    .filter((state) => counts[state] > 0 || state === 'accepted')
    .map((state) => `${formatNumber(counts[state])} ${LABELS[state]}`)
    .join(', ')

const time = (date: Date | null) => (date ? date.toISOString().replace(/\.\d+/, '') : 'not yet')

function runText({ kind, host, pid, started_at, resumed_at, ended_at }: StatusRun, running: boolean): string {
  const prefix = kind === 'retry' ? 'of what was rejected, ' : ''
  const resumed = resumed_at.getTime() - started_at.getTime() > 1000 ? `, resumed ${time(resumed_at)}` : ''
  const end = ended_at
    ? `ended ${time(ended_at)}`
    : running
      ? `is running, process ${pid} on ${host}`
      : 'was stopped before its end'
  return `${prefix}started ${time(started_at)}${resumed}; ${end}`
}

/** The next command, in a few words. */
export function nextStep({ running, run, customers, accounts, requests }: BulkStatus): string {
  if (running) return 'wait for the running push'
  if (accounts.to_send > 0 || (requests.by_state.unknown ?? 0) > 0 || (run && !run.ended_at))
    return 'run `tratta-jit bulk push` to resume'
  if (customers.sent > 0) return 'run `tratta-jit bulk errors` to read what Tratta rejected'
  const { no_bulk_id = 0, ...otherDoubts } = requests.doubts
  if (no_bulk_id > 0 && Object.keys(otherDoubts).length === 0 && accounts.unknown > 0)
    return 'ask Tratta about the requests without a bulk_id: they are not sent again. Calls for their accounts are answered'
  if (accounts.unknown > 0)
    return 'run `tratta-jit bulk push --retry-rejected --unchanged` to send the unknown accounts again'
  if (requests.read_early > 0)
    return `run \`tratta-jit bulk errors\` ten minutes after the push to read the errors again${accounts.rejected > 0 ? ', and to see what was rejected' : ''}: Tratta does not report when it is done`
  if (accounts.rejected > 0)
    return 'run `tratta-jit bulk errors` to see what was rejected, correct it, then run `tratta-jit bulk push --retry-rejected`'
  return 'nothing'
}

const BY = { us: 'by us', tratta: 'by Tratta' }
const OUTCOMES = {
  rejected: '',
  unknown: 'unknown whether Tratta has it; ',
  unmatched: 'matches no row that was sent; ',
}

export function rejectionGroupsText(groups: RejectionGroup[]): string {
  if (groups.length === 0) return 'Nothing is rejected'
  return groups
    .map(({ rejected_by, outcome, reason, count, examples }) => {
      const example = examples.length > 0 ? `, e.g. ${printable(examples.join(', '))}` : ''
      return `${formatNumber(count).padStart(9)} × ${printable(reason)}\n            ${OUTCOMES[outcome]}${BY[rejected_by]}${example}`
    })
    .join('\n')
}

export function rejectionText(row: RejectionRow): string {
  const names = [
    row.customer_external_id && `customer ${row.customer_external_id}`,
    row.location_external_id && `location ${row.location_external_id}`,
    row.debt_account_external_id && `account ${row.debt_account_external_id}`,
  ].filter(Boolean)
  return printable(
    `${names.join(' ')}  ${OUTCOMES[row.outcome]}${BY[row.rejected_by]}: ${row.reasons.join('; ')}`,
  )
}

export function dryRunText(report: DryRun): string {
  const { customers, without_accounts, rows, debt_accounts, requests, bytes, rejected, omitted } = report
  const lines = [
    `Would send ${formatNumber(debt_accounts)} accounts of ${formatNumber(customers)} customers: ${formatNumber(rows)} rows in ${formatNumber(requests)} requests, ${formatNumber(bytes)} bytes`,
  ]
  if (without_accounts > 0) lines.push(`${formatNumber(without_accounts)} customers have no account`)
  for (const { message, count, examples } of rejected)
    lines.push(`rejected by us: ${formatNumber(count)} × ${message}, e.g. ${printable(examples.join(', '))}`)
  for (const [field, { count, examples }] of Object.entries(omitted))
    lines.push(`omitted: ${formatNumber(count)} × ${field}, e.g. of ${printable(examples.join(', '))}`)
  return lines.join('\n')
}
