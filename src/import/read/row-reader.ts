/** Recognizes the format of a file, splits it into records, and reads each record as a row. */

import { JsonSyntaxError } from '../../payload/exact-json.ts'
import { UsageError, UserFacingError } from '../../user-facing-error.ts'
import { type ImportRow, unreadableRow } from '../import-row.ts'
import { messageOf, type Reason } from '../row-error.ts'
import { csvRowReader } from './csv-rows.ts'
import { type Codec, createCodec, type Encoding } from './encoding.ts'
import { countLines, type FileRecord, type Splitter } from './file-record.ts'
import type { ColumnMap } from './header.ts'
import { readJsonRow } from './json-rows.ts'
import type { CellFormats } from './read-cell.ts'
import { csvRejectFormat, jsonRejectFormat, type RejectFormat } from './reject-format.ts'
import { splitCsv } from './split-csv.ts'
import { splitArray, splitLines } from './split-json.ts'

export const FORMATS = ['csv', 'ndjson', 'bulk-json'] as const
type Format = (typeof FORMATS)[number]

export interface ReadOptions {
  format?: Format
  encoding?: Encoding
  /** These are for CSV only. */
  delimiter?: string
  dates?: CellFormats['dates']
  money?: CellFormats['money']
  map?: ColumnMap
}

interface RowHandlers {
  onRow(record: FileRecord, row: ImportRow): void
  /** A JSON field without a column of its own: its value goes to additional_fields. */
  onAdditionalField(name: string): void
}

export interface RowReader extends Splitter {
  /** Call this after the first record. */
  rejectFormat(): RejectFormat
}

const BYTE_ORDER_MARK = '\u00ef\u00bb\u00bf'

/**
 * @param start the start of the file, one character per byte, with at least one character that is not blank
 * @throws {UserFacingError} {@link UsageError} here, and from `write` and `end`
 */
export function createRowReader(start: string, options: ReadOptions, handlers: RowHandlers): RowReader {
  if (/^(\xff\xfe|\xfe\xff)/.test(start)) throw new UserFacingError('The file is UTF-16: save it as UTF-8')
  const format = options.format ?? recognizeFormat(start)
  const reader = format === 'csv' ? csvReader(options, handlers) : jsonReader(format, options, handlers)
  let isFirst = true
  return {
    ...reader,
    write(text) {
      reader.write(isFirst ? withoutByteOrderMark(text) : text)
      isFirst = false
    },
  }
}

const withoutByteOrderMark = (text: string) =>
  text.startsWith(BYTE_ORDER_MARK) ? text.slice(BYTE_ORDER_MARK.length) : text

function recognizeFormat(start: string): Format {
  const first = withoutByteOrderMark(start).trimStart()[0]
  return first === '[' ? 'bulk-json' : first === '{' ? 'ndjson' : 'csv'
}

function csvReader(options: ReadOptions, { onRow }: RowHandlers): RowReader {
  const { delimiter = ',', dates = 'iso', money, map = {}, encoding = 'utf-8' } = options
  if (!money)
    throw new UsageError(
      'A CSV file needs --money cents or --money dollars, which says how its amounts are written',
    )
  const codec = createCodec(encoding)
  let header: string | undefined
  let readRow: (fields: string[]) => ImportRow
  const splitter = splitCsv(delimiter, (record) => {
    const { line, raw, fields } = record
    const text = decodeRecord(record, codec)
    if (typeof text !== 'string') {
      if (header === undefined) throw new UserFacingError(`Line ${line} (the header) ${messageOf(text)}`)
      return onRow(record, unreadableRow({ reason: text }))
    }
    const cells = text === raw ? fields! : fields!.map((field) => codec.decode(field)!)
    if (header !== undefined) return onRow(record, readRow(cells))
    requireDelimiter(cells, delimiter)
    readRow = csvRowReader(cells, map, { money, dates })
    header = raw
  })
  return {
    write: splitter.write,
    end() {
      splitter.end()
      if (header === undefined) throw new UserFacingError('The file is empty: it has no header')
    },
    rejectFormat: () => csvRejectFormat(header!, delimiter, codec.encode),
  }
}

function decodeRecord({ raw, reason }: FileRecord, { decode }: Codec): string | Reason {
  if (reason) return reason
  if (raw.includes('\0')) return { code: 'nul_byte' }
  return decode(raw) ?? { code: 'invalid_utf8' }
}

function requireDelimiter(names: string[], delimiter: string) {
  const other = [',', ';', '\t', '|'].find((each) => each !== delimiter && names[0]!.includes(each))
  if (names.length > 1 || !other) return
  const option = other === '\t' ? 'tab' : `'${other}'`
  throw new UserFacingError(
    `The header has only one column. If the delimiter is another one, use --delimiter ${option}`,
  )
}

function jsonReader(
  format: 'ndjson' | 'bulk-json',
  options: ReadOptions,
  { onRow, onAdditionalField }: RowHandlers,
): RowReader {
  for (const option of ['money', 'map', 'delimiter', 'dates'] as const)
    if (options[option] !== undefined && options[option] !== 'cents')
      throw new UsageError(`--${option} is for CSV only: JSON files have cents and ISO dates, as at Tratta`)
  const codec = createCodec(options.encoding ?? 'utf-8')
  let isEmpty = true
  const split = format === 'ndjson' ? splitLines : splitArray
  const splitter = split((record) => {
    isEmpty = false
    const text = decodeRecord(record, codec)
    onRow(record, typeof text === 'string' ? readRow(text, record.line) : unreadableRow({ reason: text }))
  })

  function readRow(text: string, line: number): ImportRow {
    try {
      return readJsonRow(text, onAdditionalField)
    } catch (error) {
      if (!(error instanceof JsonSyntaxError)) throw error
      return unreadableRow({
        reason: { code: 'invalid_json' },
        ...(error.at !== undefined && { otherLine: line + countLines(text, 0, error.at) }),
      })
    }
  }

  return {
    write: splitter.write,
    end() {
      splitter.end()
      if (isEmpty) throw new UserFacingError('The file is empty')
    },
    rejectFormat: () => jsonRejectFormat(codec.encode, codec.decode),
  }
}
