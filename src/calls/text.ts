/** What `calls` prints for people. All times are UTC. */
import { formatNumber } from '../terminal/format.ts'
import { printable } from '../terminal/printable.ts'
import type { AccountEvent } from './account-events.ts'
import type { Difference } from './compare-call.ts'
import type { CallRow } from './read-calls.ts'
import type { ReadRow } from './reads.ts'

interface Column<Row> {
  header: string
  /** So that later rows have the width of the first. */
  minWidth: number
  isNumber?: true
  cell(row: Row): string
}

/** `2026-11-25 08:33:29.931` */
const formatTime = (time: Date) => time.toISOString().replace('T', ' ').slice(0, -1)

/** Dollars of cents. */
const dollars = (cents: number | null) =>
  cents === null ? '' : (cents / 100).toLocaleString('en-US', { style: 'currency', currency: 'USD' })

const milliseconds = (ms: number | null) => (ms === null ? '' : ms.toFixed(1))

/** In order of importance: a narrow terminal shows the first ones. */
const CALL_COLUMNS: Column<CallRow>[] = [
  { header: 'time (UTC)', minWidth: 23, cell: ({ time }) => formatTime(time) },
  { header: 'account', minWidth: 12, cell: ({ external_id }) => printable(external_id ?? '-') },
  { header: 'outcome', minWidth: 17, cell: ({ outcome }) => outcome },
  { header: 'request_id', minWidth: 16, cell: ({ request_id }) => request_id },
  { header: 'ms', minWidth: 6, isNumber: true, cell: ({ ms }) => milliseconds(ms) },
  {
    header: 'current',
    minWidth: 10,
    isNumber: true,
    cell: ({ current_balance }) => dollars(current_balance),
  },
  { header: 'balance', minWidth: 10, isNumber: true, cell: ({ balance }) => dollars(balance) },
  { header: 'status', minWidth: 6, isNumber: true, cell: ({ status }) => String(status ?? '-') },
  { header: 'db ms', minWidth: 6, isNumber: true, cell: ({ database_ms }) => milliseconds(database_ms) },
  { header: 'children', minWidth: 8, isNumber: true, cell: ({ children }) => String(children ?? '') },
  { header: 'client', minWidth: 15, cell: ({ client }) => client ?? '' },
  { header: 'replica', minWidth: 10, cell: ({ replica }) => printable(replica) },
  {
    header: 'omitted, error',
    minWidth: 14,
    cell: ({ omitted, error }) => [...omitted, ...(error ? [error] : [])].join(', '),
  },
]

const READ_COLUMNS: Column<ReadRow>[] = [
  { header: 'time (UTC)', minWidth: 23, cell: ({ time }) => formatTime(time) },
  { header: 'user', minWidth: 8, cell: ({ user_name }) => printable(user_name) },
  { header: 'command', minWidth: 8, cell: ({ command }) => command },
  { header: 'account', minWidth: 12, cell: ({ external_id }) => printable(external_id ?? '-') },
  { header: 'host', minWidth: 8, cell: ({ host }) => printable(host) },
  { header: 'database user', minWidth: 13, cell: ({ database_user }) => printable(database_user) },
  { header: 'result', minWidth: 8, cell: ({ result }) => printable(result ?? '') },
]

export interface Table<Row> {
  header: string
  line(row: Row): string
}

const GAP = 2

/**
 * @param rows the first rows, from which the widths are taken
 * @param columns of the terminal; undefined: all columns are shown
 */
function table<Row>(definitions: Column<Row>[], rows: Row[], columns = Number.POSITIVE_INFINITY): Table<Row> {
  let left = columns
  const shown: { column: Column<Row>; width: number }[] = []
  for (const column of definitions) {
    const width = Math.max(
      column.header.length,
      column.minWidth,
      ...rows.map((row) => column.cell(row).length),
    )
    if (shown.length > 0 && width + GAP > left) break
    left -= width + GAP
    shown.push({ column, width })
  }
  const join = (cells: string[]) =>
    cells
      .map((cell, at) => {
        const { column, width } = shown[at]!
        return column.isNumber ? cell.padStart(width) : cell.padEnd(width)
      })
      .join(' '.repeat(GAP))
      .trimEnd()
  return {
    header: join(shown.map(({ column }) => column.header)),
    line: (row) => join(shown.map(({ column }) => column.cell(row))),
  }
}

export const callTable = (rows: CallRow[], columns: number | undefined) => table(CALL_COLUMNS, rows, columns)
export const readTable = (rows: ReadRow[], columns: number | undefined) => table(READ_COLUMNS, rows, columns)

export const eventText = ({ time, text }: AccountEvent) => `${formatTime(time)}  ${printable(text)}`

export function differencesText(
  { time, request_id, external_id }: CallRow,
  differences: Difference[],
): string {
  const call = `call ${request_id} for ${printable(external_id ?? '-')} at ${formatTime(time)} UTC`
  if (differences.length === 0) return `${call}: the same would be sent now`
  return [`${call}: this differs now`, ...differences.map(differenceText)].join('\n')
}

function differenceText({ field, sent, now }: Difference) {
  if (field === 'other_fields') return '  other fields (the log does not have their values)'
  const value = (one: string | number | null) => {
    if (one === null || one === '') return 'none'
    if (typeof one === 'string') return one
    return field === 'children' ? formatNumber(one) : dollars(one)
  }
  return `  ${field}: sent ${value(sent)}, now ${value(now)}`
}
