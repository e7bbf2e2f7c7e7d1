/** The result of an import, for a person and as JSON. Contains external ids and line numbers, no values. */
import { formatNumber } from '../../terminal/format.ts'
import { ADJUSTED, type Adjustment } from '../adjustments.ts'
import type { ImportOptions, ImportResult } from '../import-result.ts'
import { absentEvent, absentLines, refusalOf } from './absent-text.ts'
import type { RejectedGroup } from './count-rejected.ts'
import { summaryEvent, summaryLine } from './summary.ts'

export function importEvent(result: ImportResult, { dryRun }: ImportOptions, seconds: number) {
  const { files, rows, isLoaded, rejected, counts, summary, absent, additionalFields } = result
  return {
    event: dryRun ? 'dry_run' : 'imported',
    file: namesOf(files),
    ...(files.length > 1 && { files: files.map(({ file, rows }) => ({ file, rows })) }),
    loaded: isLoaded,
    rows,
    rows_rejected: rejected.rows,
    ...counts,
    ...(summary && { summary: summaryEvent(summary, customersOf(result)) }),
    ...(absent && { absent: absentEvent(absent) }),
    rejected: rejected.reasons,
    ...Object.fromEntries(ADJUSTED.map((kind) => [kind, result.adjustments.list(kind)])),
    ...(additionalFields.length > 0 && { additional_fields: additionalFields }),
    seconds: Math.round(seconds * 10) / 10,
  }
}

export function importText(result: ImportResult, options: ImportOptions): string {
  const { files, additionalFields, isLoaded, rejected, counts, summary, absent } = result
  const lines = [`${namesOf(files)}: ${headline(result, options)}`]
  if (counts)
    for (const table of ['debt_accounts', 'customers', 'locations'] as const) {
      const { added, changed, unchanged } = counts[table]
      const columns = Object.entries({ added, changed, unchanged })
      lines.push(
        `  ${table.padEnd(14)}${columns.map(([name, count]) => `${formatNumber(count).padStart(12)} ${name}`).join('')}`,
      )
    }
  if (counts && summary && summary.accounts > 0) lines.push(summaryLine(summary, customersOf(result)))
  if (absent) lines.push(...absentLines(absent, isLoaded, absentNote(result, options)))
  for (const group of rejected.reasons) lines.push(...groupLines(group.message, group.rows, group.examples))
  for (const kind of ADJUSTED)
    for (const { count, message, examples } of result.adjustments.list(kind))
      lines.push(...groupLines(`${kind}: ${message}`, count, examples))
  if (additionalFields.length > 0)
    lines.push(
      `  stored in additional_fields, because no column has this name: ${additionalFields.join(', ')}`,
    )
  if (rejected.rows > 0)
    lines.push(
      options.rejects === undefined
        ? '  --rejects FILE writes all rejected rows with all reasons'
        : `  all rejected rows with all reasons: ${options.rejects}`,
    )
  return lines.join('\n')
}

/** The customers of the files. */
function customersOf({ counts }: ImportResult) {
  const { added, changed, unchanged } = counts?.customers ?? { added: 0, changed: 0, unchanged: 0 }
  return added + changed + unchanged
}

const absentNote = ({ rejected }: ImportResult, { snapshot }: ImportOptions) =>
  !snapshot
    ? ' (with --snapshot their current_balance is set to 0)'
    : rejected.rows > 0
      ? ', because rows are rejected'
      : ''

const namesOf = (files: ImportResult['files']) => files.map(({ file }) => file).join(', ')

function headline(
  { rows, isLoaded, rejected, counts, absent }: ImportResult,
  { dryRun, keepGood, snapshot }: ImportOptions,
) {
  if (absent?.isRefused) return `nothing loaded, because ${refusalOf(absent, snapshot!.maxPercent)}`
  const rejectedRows = `${formatNumber(rejected.rows)} of ${formatNumber(rows)} rows are rejected`
  if (!counts) return `nothing loaded, because ${rejectedRows}`
  const closes = absent && absent.action !== 'none' && absent.accounts.count + absent.parents.count > 0
  const isUnchanged = !closes && Object.values(counts).every(({ added, changed }) => added + changed === 0)
  const action = isUnchanged ? 'nothing to change' : isLoaded ? 'loaded' : 'would be loaded'
  if (rejected.rows === 0)
    return `${action}, ${formatNumber(rows)} rows${isUnchanged ? ' are in the database already' : ''}`
  if (dryRun && !keepGood) return `would load nothing, because ${rejectedRows}; with --keep-good`
  return `${action}, but ${rejectedRows}`
}

type Example = Adjustment['examples'][number] | RejectedGroup['examples'][number]

function groupLines(message: string, rows: number, examples: Example[]) {
  const lines = examples.map((example) => {
    const { file, line, external_id } = example
    const { other_file = undefined, other_line = null } = 'other_line' in example ? example : {}
    const other = other_line !== null && `see ${lineText(other_line, other_file)}`
    const details = [external_id, other].filter(Boolean).join(', ')
    return `${lineText(line, file)}${details && ` (${details})`}`
  })
  return [`${formatNumber(rows).padStart(9)} × ${message}`, `            ${lines.join(', ')}`]
}

const lineText = (line: number, file?: string) => `line ${line}${file === undefined ? '' : ` of ${file}`}`
