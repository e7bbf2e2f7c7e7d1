/** Rejections and the result of a dry run, for people. */

import { printable } from '../terminal/printable.ts'
import { number } from '../terminal/progress.ts'
import type { DryRun } from './dry-run.ts'
import type { RejectionGroup, RejectionRow } from './rejections.ts'

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
      return `${number(count).padStart(9)} × ${printable(reason)}\n            ${OUTCOMES[outcome]}${BY[rejected_by]}${example}`
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
    `Would send ${number(debt_accounts)} accounts of ${number(customers)} customers: ${number(rows)} rows in ${number(requests)} requests, ${number(bytes)} bytes`,
  ]
  if (without_accounts > 0) lines.push(`${number(without_accounts)} customers have no account`)
  for (const { message, count, examples } of rejected)
    lines.push(`rejected by us: ${number(count)} × ${message}, e.g. ${printable(examples.join(', '))}`)
  for (const [field, { count, examples }] of Object.entries(omitted))
    lines.push(`omitted: ${number(count)} × ${field}, e.g. of ${printable(examples.join(', '))}`)
  return lines.join('\n')
}
