/** Prints results as a table and as JSON lines. */
import type { Row } from './row.ts'

interface Skipped {
  drill: string
  /** The missing program. */
  needs: string
}
/** The drill failed with an error. */
interface Broken {
  drill: string
  error: string
}
export type Result = Row | Skipped | Broken

export const isPassed = (result: Result) =>
  'needs' in result || ('expectations' in result && result.expectations.every(({ isMet }) => isMet))

const HEAD = ['', 'calls', '200', '503/504', 'failed', 'longest ms', 'recovery s', '']

/** Below the table are the expectations that were not met; with `all`, all expectations. */
export function resultsAsTable(results: Result[], { all }: { all: boolean }): string {
  const table = tableOf([HEAD, ...results.map(cellsOf)])
  const details = results.flatMap((result) => {
    const lines = linesOf(result).filter(({ isMet }) => all || !isMet)
    return lines.length > 0 ? ['', result.drill, ...lines.map(sentence)] : []
  })
  return [table, ...details, '', summary(results)].join('\n')
}

export const resultAsJson = (result: Result) => JSON.stringify({ ...result, ok: isPassed(result) })

function cellsOf(result: Result): string[] {
  if ('needs' in result)
    return [result.drill, ...HEAD.slice(2).map(() => '–'), `skipped: needs ${result.needs}`]
  if ('error' in result) return [result.drill, ...HEAD.slice(2).map(() => '–'), 'NOT OK']
  const { calls, answered, unavailable, failed, longest_ms, recovery_ms } = result
  const recovery =
    recovery_ms === undefined ? '–' : recovery_ms === null ? 'never' : (recovery_ms / 1000).toFixed(1)
  const counts = [calls, answered, unavailable, failed, longest_ms].map((count) => count.toLocaleString('en'))
  return [result.drill, ...counts, recovery, isPassed(result) ? 'ok' : 'NOT OK']
}

function linesOf(result: Result) {
  if ('error' in result) return [{ text: result.error, isMet: false }]
  return 'expectations' in result ? result.expectations : []
}

const sentence = ({ text, isMet }: { text: string; isMet: boolean }) =>
  `  ${isMet ? 'ok    ' : 'NOT OK'}  ${text}`

function summary(results: Result[]) {
  const skipped = results.filter((result) => 'needs' in result).length
  const met = results.filter(isPassed).length - skipped
  const failed = results.length - met - skipped
  return `${met} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}

/** The first and the last column are left-aligned, numbers are right-aligned. */
function tableOf(rows: string[][]) {
  const last = HEAD.length - 1
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const cell = (text: string, column: number) =>
    column === 0 ? text.padEnd(widths[0]!) : column === last ? text : text.padStart(widths[column]!)
  return rows.map((row) => row.map(cell).join('  ').trimEnd()).join('\n')
}
