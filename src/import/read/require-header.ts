/** Explains why the first line of a CSV file is no header. Its cells can be data, so that no message contains them. */
import { UserFacingError } from '../../user-facing-error.ts'
import type { FileRecord } from './file-record.ts'
import { splitCsv } from './split-csv.ts'

const DELIMITERS = [',', ';', '\t', '|']
/** A header is expected in the first records of a file. */
const MAX_RECORDS = 50

interface Sample {
  /** The start of the file, one character per byte, without a byte order mark. */
  start: string
  delimiter: string
  quote: 'none' | undefined
  skipLines: number
  /** Whether a name is in the map or is one of ours. */
  isKnown(name: string): boolean
}

/**
 * @param header the cells of the first record
 * @throws {UserFacingError} when no column of it is known
 */
export function requireHeader(header: string[], line: number, sample: Sample) {
  if (isHeader(header, sample)) return
  for (const delimiter of [sample.delimiter, ...DELIMITERS]) {
    const found = firstRecords(sample, delimiter).find(({ fields = [] }) => isHeader(fields, sample))
    const option = delimiter === sample.delimiter ? '' : ` --delimiter ${optionOf(delimiter)}`
    if (found && found.line > line)
      throw new UserFacingError(
        `The header is not in line ${line}. Line ${found.line} has known column names: use${option} --skip-lines ${found.line - 1}`,
      )
    if (found) throw otherDelimiter(delimiter)
  }
  const records = firstRecords(sample, sample.delimiter)
  if (hasFixedWidth(header, records))
    throw new UserFacingError(
      'The file has no delimiters: its columns seem to have fixed widths. Convert it to CSV, and import that file',
    )
  const other = header.length === 1 && DELIMITERS.find((delimiter) => header[0]!.includes(delimiter))
  if (other) throw otherDelimiter(other)
  const wider = widerRecord(header, records)
  if (wider && wider.line > line)
    throw new UserFacingError(
      `No header was found in line ${line}, which has fewer columns than the lines below. If the header is in line ${wider.line}, use --skip-lines ${wider.line - 1}`,
    )
  throw new UserFacingError(
    `No header was found: line ${line} has ${header.length} columns, and none has a known name. If this line is data, add a line with column names; otherwise map the names with --map`,
  )
}

const optionOf = (delimiter: string) => (delimiter === '\t' ? 'tab' : `'${delimiter}'`)

const otherDelimiter = (delimiter: string) =>
  new UserFacingError(
    `The header has only one column. If the delimiter is another one, use --delimiter ${optionOf(delimiter)}`,
  )

/** One known name can be a word in data, such as `metadata`. */
function isHeader(cells: string[], { isKnown }: Sample) {
  const known = cells.filter((cell) => isKnown(cell.trim())).length
  return known > 1 || (known === 1 && !cells.some(isData))
}

/** Whether a cell is not the name of a column, so that no message may contain it. */
export function isData(cell: string) {
  const text = cell.trim()
  return text.length > 64 || /@|\d{4}|^[-+$(]*\d|^\W+$/.test(text)
}

function firstRecords({ start, quote, skipLines }: Sample, delimiter: string): FileRecord[] {
  const records: FileRecord[] = []
  const syntax = { delimiter, skipLines, ...(quote && { quote }) }
  const splitter = splitCsv(syntax, (record) => {
    if (records.length < MAX_RECORDS) records.push(record)
  })
  splitter.write(start)
  splitter.end()
  return records
}

function hasFixedWidth(header: string[], records: FileRecord[]) {
  const lines = records.slice(0, -1).map(({ raw }) => raw)
  const first = lines[0] ?? records[0]?.raw ?? ''
  const areEqual = first.length >= 20 && lines.length > 1 && lines.every((raw) => raw.length === first.length)
  const hasGaps = /\S {2,}\S/.test(first)
  return (header.length === 1 && (hasGaps || areEqual)) || (hasGaps && areEqual)
}

/** A header has more columns than the lines above it, and no data. */
function widerRecord(header: string[], records: FileRecord[]) {
  const filled = (cells: string[] = []) => cells.filter((cell) => cell.trim() !== '').length
  const least = Math.max(3, 2 * filled(header))
  return records.find(({ fields = [] }) => filled(fields) >= least && !fields.some(isNamelessData))
}

const isNamelessData = (cell: string) => cell.trim() !== '' && isData(cell)
