/** Reads a CSV file: finds its header, and leaves out the lines that are no accounts. */
import { UsageError, UserFacingError } from '../../user-facing-error.ts'
import { type ImportRow, unreadableRow } from '../import-row.ts'
import { NO_MAP, namedColumns, sourcesOf } from '../map/column-map.ts'
import { requireColumns } from '../map/layout.ts'
import { messageOf, type Reason } from '../row-error.ts'
import { cellCleaner, withoutEscape } from './clean-cell.ts'
import { csvRowReader } from './csv-rows.ts'
import { createCodec } from './encoding.ts'
import type { FileRecord } from './file-record.ts'
import { isKnownName, uniqueNames } from './header.ts'
import type { ReadOptions, RowHandlers, RowReader } from './read-options.ts'
import { recordDecoder } from './record-decoder.ts'
import { csvRejectFormat } from './reject-format.ts'
import { requireHeader } from './require-header.ts'
import { isSsnName, lastFourOfSsn, SSN_SHORTENED, shortenAllSsns } from './shorten-ssn.ts'
import { splitCsv } from './split-csv.ts'
import { hasOnlyFigures, isRepeatedHeader, isTrailer } from './trailer.ts'

/** Spreadsheets write and read a first line with the delimiter. */
const SEPARATOR_LINE = /^"?sep=([^"\r\n])"?[\r\n]/i

/**
 * @param start the start of the file, one character per byte, without a byte order mark
 * @throws {UserFacingError} {@link UsageError} here, and from `write` and `end`
 */
export function csvReader(start: string, options: ReadOptions, handlers: RowHandlers): RowReader {
  const { dates = 'iso', money, map = NO_MAP, encoding = 'utf-8', quote, allowSuspicious = false } = options
  if (!money)
    throw new UsageError(
      'A CSV file needs --money cents or --money dollars, which says how its amounts are written',
    )
  const separator = SEPARATOR_LINE.exec(start)?.[1]
  const delimiter = options.delimiter ?? separator ?? ','
  const skipLines = Math.max(options.skipLines ?? 0, separator ? 1 : 0)
  const codec = createCodec(encoding)
  const named = new Set(namedColumns(map))
  const decode = recordDecoder(encoding)
  const { onRow, adjustments } = handlers
  const onChange = (change: string) => adjustments.changed(change)
  const clean = cellCleaner(options.nullValues, onChange)
  const formats = { money, dates, clean, allowSuspicious, onChange }
  /** The columns that can have complete SSNs, whether they are read or not. */
  let ssnPositions: number[] = []
  let rawHeader: string | undefined
  let header: string[]
  let readRow: (fields: string[]) => ImportRow
  /** Lines with nothing but figures, which are trailers if no account follows. */
  const figures: FileRecord[] = []

  const splitter = splitCsv({ delimiter, skipLines, ...(quote && { quote }) }, (record) => {
    const { line, raw, fields, reason } = record
    const text = decode(raw)
    if (rawHeader === undefined) {
      if (typeof text !== 'string' || !fields)
        throw new UserFacingError(
          `Line ${line} (the header) ${messageOf(typeof text === 'string' ? reason! : text)}`,
        )
      const cells = decodeFields(fields, raw, text)
      requireHeader(cells, line, {
        start,
        delimiter,
        quote,
        skipLines,
        isKnown: (name) => named.has(name) || isKnownName(name),
      })
      header = uniqueNames(cells)
      if (!options.isMapShared) requireColumns(map, new Set(header))
      readRow = csvRowReader(header, map, formats)
      const ssnColumns = sourcesOf(map, 'customer_ssn_last4')
      ssnPositions = header.flatMap((name, at) => (isSsnName(name) || ssnColumns.includes(name) ? [at] : []))
      rawHeader = raw
      return
    }
    if (typeof text !== 'string' || !fields) return emit(record, text, [])
    const cells = decodeFields(fields, raw, text)
    if (isRepeatedHeader(cells, header)) adjustments.add('skipped', 'is the header again', line)
    else if (isTrailer(cells)) adjustments.add('skipped', 'is a trailer line with totals or counts', line)
    else if ((reason || cells[0]!.trim() === '') && hasOnlyFigures(cells)) figures.push(record)
    else emit(record, text, cells)
  })

  function decodeFields(fields: string[], raw: string, text: string) {
    return text === raw ? fields : fields.map((field) => codec.decode(field)!)
  }

  function emit(record: FileRecord, text: string | Reason, cells: string[]) {
    for (const figure of figures.splice(0)) emitRow(figure, figure.raw, figure.fields!)
    emitRow(record, text, cells)
  }

  function emitRow(record: FileRecord, text: string | Reason, cells: string[]) {
    const reason = typeof text === 'string' ? record.reason : text
    adjustments.line = record.line
    if (reason) {
      if (ssnPositions.length > 0) record.raw = shortenAllSsns(record.raw, record.raw.indexOf(delimiter) + 1)
      return onRow(record, unreadableRow({ reason }))
    }
    for (const at of ssnPositions) shortenSsn(record, cells, at)
    onRow(record, readRow(cells))
  }

  /** In the cells and in the record, which can be written to the reject file. */
  function shortenSsn(record: FileRecord, cells: string[], at: number) {
    const cell = withoutEscape(cells[at]!.trim(), 'identifier')
    const lastFour = lastFourOfSsn(cell)
    if (lastFour === undefined) return
    record.raw = record.raw.replaceAll(cell, lastFour)
    cells[at] = lastFour
    onChange(SSN_SHORTENED)
  }

  return {
    write: splitter.write,
    end() {
      splitter.end()
      if (rawHeader === undefined) throw new UserFacingError('The file is empty: it has no header')
      for (const { line } of figures)
        adjustments.add('skipped', 'is a trailer line with totals or counts', line)
    },
    columnNames: () => header,
    rejectFormat: () => csvRejectFormat(rawHeader!, delimiter, codec.encode),
  }
}
