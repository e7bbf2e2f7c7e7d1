import { formatNumber } from '../../terminal/format.ts'
import type { ImportRecord } from '../imports-table.ts'

/** One import as a line for a person. */
export function historyLine({
  started_at,
  outcome,
  os_user,
  files,
  rows,
  rows_rejected,
  error,
  absent,
}: ImportRecord) {
  const details = [
    `${formatNumber(rows)} rows`,
    rows_rejected > 0 && `${formatNumber(rows_rejected)} rejected`,
    absent && absent.action !== 'none' && `${formatNumber(absent.accounts)} absent`,
    error,
  ]
  const time = started_at.toISOString().slice(0, 19).replace('T', ' ')
  const names = files.map(({ file }) => file).join(', ')
  return `${time}Z  ${outcome.padEnd(8)}  ${os_user}  ${names}: ${details.filter(Boolean).join(', ')}`
}
