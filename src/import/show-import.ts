/** How far an import is, and what came of it: for people and for programs. External ids and line numbers, no values. */
import { duration, number, showProgress } from '../progress.ts'
import { TABLES } from './copied-row.ts'
import type { Imported, ImportOptions, ImportProgress } from './import-file.ts'
import type { RefusedGroup } from './refused.ts'

export const noProgress = (): ImportProgress => ({
  phase: 'waiting',
  rows: 0,
  refused: 0,
  size: undefined,
  read: 0,
})

/** @returns what ends the showing */
export function showImport(name: string, progress: ImportProgress, asJson: boolean): () => void {
  // The rate is that of reading: what comes after it reads no rows.
  let readFor = 0
  const figuresAfter = (seconds: number) => {
    if (progress.phase === 'reading') readFor = seconds
    return figures(progress, seconds, readFor)
  }
  return showProgress(
    asJson,
    (seconds) => ({ file: name, ...figuresAfter(seconds) }),
    (seconds) => line(name, figuresAfter(seconds)),
  )
}

function figures({ phase, rows, refused, size, read }: ImportProgress, seconds: number, readFor: number) {
  const left = phase === 'reading' && size && read > 0 ? (readFor * (size - read)) / read : undefined
  return {
    phase,
    seconds: Math.round(seconds),
    rows,
    rows_per_second: readFor > 0 ? Math.round(rows / readFor) : 0,
    rows_refused: refused,
    ...(left !== undefined && { seconds_to_read: Math.round(left) }),
  }
}

function line(name: string, is: ReturnType<typeof figures>) {
  const rows = `${number(is.rows)} rows, ${number(is.rows_refused)} refused`
  if (is.phase !== 'reading') return `${name}: ${is.phase} ${rows}, ${duration(is.seconds)} so far`
  const left = is.seconds_to_read === undefined ? '' : `, ${duration(is.seconds_to_read)} left to read`
  return `${name}: ${rows}, ${number(is.rows_per_second)}/s${left}`
}

export function importedEvent(name: string, imported: Imported, { dryRun }: ImportOptions, seconds: number) {
  const { rows, isLoaded, refused, counts, furtherFields } = imported
  return {
    event: dryRun ? 'dry_run' : 'imported',
    file: name,
    loaded: isLoaded,
    rows,
    rows_refused: refused.rows,
    ...counts,
    refused: refused.reasons,
    ...(furtherFields.length > 0 && { further_fields: furtherFields }),
    seconds: Math.round(seconds * 10) / 10,
  }
}

export function importedScreen(name: string, imported: Imported, options: ImportOptions): string {
  const { furtherFields, refused, counts } = imported
  const lines = [`${name}: ${headline(imported, options)}`]
  if (counts)
    for (const table of Object.keys(TABLES).reverse() as (keyof typeof counts)[]) {
      const { added, changed, unchanged } = counts[table]
      const each = Object.entries({ added, changed, unchanged })
      lines.push(
        `  ${table.padEnd(14)}${each.map(([what, count]) => `${number(count).padStart(12)} ${what}`).join('')}`,
      )
    }
  for (const group of refused.reasons) lines.push(...groupLines(group))
  if (furtherFields.length > 0)
    lines.push(`  without a column of their own, so in additional_fields: ${furtherFields.join(', ')}`)
  if (refused.rows > 0)
    lines.push(
      options.rejects === undefined
        ? '  --rejects FILE writes all of them, with all of their reasons'
        : `  all of them, with all of their reasons: ${options.rejects}`,
    )
  return lines.join('\n')
}

function headline({ rows, isLoaded, refused, counts }: Imported, { dryRun, keepGood }: ImportOptions) {
  const ofThem = `${number(refused.rows)} of ${number(rows)} rows`
  if (!counts) return `nothing loaded, for ${ofThem} are refused`
  const isSame = Object.values(counts).every(({ added, changed }) => added + changed === 0)
  const what = isSame ? 'nothing to change' : isLoaded ? 'loaded' : 'would be loaded'
  if (refused.rows === 0) return `${what}, ${number(rows)} rows${isSame ? ' are there as they are' : ''}`
  if (dryRun && !keepGood) return `would load nothing, for ${ofThem} are refused; with --keep-good`
  return `${what}, but ${ofThem} are refused`
}

function groupLines({ reason, rows, examples }: RefusedGroup) {
  const shown = examples.map(({ line, external_id, also }) => {
    const about = [external_id, also !== null && `see line ${also}`].filter(Boolean).join(', ')
    return `line ${line}${about && ` (${about})`}`
  })
  return [`${number(rows).padStart(9)} × ${reason}`, `            ${shown.join(', ')}`]
}
