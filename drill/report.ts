/** What was found, as a table for people and as lines of JSON for programs. */
import type { Row } from './row.ts'

export interface Skipped {
  drill: string
  /** What it needs and this machine has not. */
  needs: string
}
/** It did not come to an end. */
export interface Broken {
  drill: string
  error: string
}
export type Result = Row | Skipped | Broken

export const isMet = (result: Result) =>
  'needs' in result || ('expectations' in result && result.expectations.every(({ holds }) => holds))

const HEAD = ['', 'calls', '200', '503/504', 'failed', 'longest ms', 'well after s', '']

/** What was not met is said below the table, or, on demand, all that was expected. */
export function resultsAsTable(results: Result[], { all }: { all: boolean }): string {
  const table = tableOf([HEAD, ...results.map(cellsOf)])
  const said = results.flatMap((result) => {
    const lines = linesOf(result).filter(({ holds }) => all || !holds)
    return lines.length > 0 ? ['', result.drill, ...lines.map(sentence)] : []
  })
  return [table, ...said, '', summary(results)].join('\n')
}

export const resultAsJson = (result: Result) => JSON.stringify({ ...result, ok: isMet(result) })

function cellsOf(result: Result): string[] {
  if ('needs' in result)
    return [result.drill, ...HEAD.slice(2).map(() => '–'), `skipped: needs ${result.needs}`]
  if ('error' in result) return [result.drill, ...HEAD.slice(2).map(() => '–'), 'NOT OK']
  const { calls, answered, refused, failed, longest_ms, well_after_ms } = result
  const well =
    well_after_ms === undefined ? '–' : well_after_ms === null ? 'never' : (well_after_ms / 1000).toFixed(1)
  const counts = [calls, answered, refused, failed, longest_ms].map((count) => count.toLocaleString('en'))
  return [result.drill, ...counts, well, isMet(result) ? 'ok' : 'NOT OK']
}

function linesOf(result: Result) {
  if ('error' in result) return [{ what: result.error, holds: false }]
  return 'expectations' in result ? result.expectations : []
}

const sentence = ({ what, holds }: { what: string; holds: boolean }) =>
  `  ${holds ? 'ok    ' : 'NOT OK'}  ${what}`

function summary(results: Result[]) {
  const skipped = results.filter((result) => 'needs' in result).length
  const met = results.filter(isMet).length - skipped
  const failed = results.length - met - skipped
  return `${met} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}

/** The first and the last column begin at the left; numbers end at the right. */
function tableOf(rows: string[][]) {
  const last = HEAD.length - 1
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const cell = (text: string, column: number) =>
    column === 0 ? text.padEnd(widths[0]!) : column === last ? text : text.padStart(widths[column]!)
  return rows.map((row) => row.map(cell).join('  ').trimEnd()).join('\n')
}
