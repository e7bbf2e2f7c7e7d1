/** Recognizes the format of a file, splits it into records, and reads each record as a row. */

import { JsonSyntaxError } from '../../payload/exact-json.ts'
import { UsageError, UserFacingError } from '../../user-facing-error.ts'
import { type ImportRow, unreadableRow } from '../import-row.ts'
import { cellCleaner } from './clean-cell.ts'
import { csvReader } from './csv-reader.ts'
import { createCodec } from './encoding.ts'
import { countLines } from './file-record.ts'
import { readJsonRow } from './json-rows.ts'
import type { Format, ReadOptions, RowHandlers, RowReader } from './read-options.ts'
import { readPhone } from './read-phone.ts'
import { recordDecoder } from './record-decoder.ts'
import { jsonRejectFormat } from './reject-format.ts'
import { lastFourOfSsn, SSN_SHORTENED, shortenSsnsInJson } from './shorten-ssn.ts'
import { splitArray, splitLines } from './split-json.ts'

const BYTE_ORDER_MARK = '\u00ef\u00bb\u00bf'

/**
 * @param start the start of the file, one character per byte, with at least one character that is not blank
 * @throws {UserFacingError} {@link UsageError} here, and from `write` and `end`
 */
export function createRowReader(start: string, options: ReadOptions, handlers: RowHandlers): RowReader {
  const hasReturnsOnly = endsLinesWithReturns(start)
  const convert = (text: string) => (hasReturnsOnly ? text.replaceAll('\r', '\n') : text)
  const content = convert(withoutByteOrderMark(start))
  const format = options.format ?? recognizeFormat(content)
  const reader =
    format === 'csv' ? csvReader(content, options, handlers) : jsonReader(format, options, handlers)
  let isFirst = true
  return {
    ...reader,
    write(text) {
      reader.write(convert(isFirst ? withoutByteOrderMark(text) : text))
      isFirst = false
    },
  }
}

/** Old Mac programs do. The first line end is the one after the header. */
const endsLinesWithReturns = (start: string) => /^[^\r\n]*\r(?=[^\n])/.test(start)

const withoutByteOrderMark = (text: string) =>
  text.startsWith(BYTE_ORDER_MARK) ? text.slice(BYTE_ORDER_MARK.length) : text

function recognizeFormat(start: string): Format {
  const first = start.trimStart()[0]
  return first === '[' ? 'bulk-json' : first === '{' ? 'ndjson' : 'csv'
}

function jsonReader(
  format: 'ndjson' | 'bulk-json',
  options: ReadOptions,
  { onRow, onAdditionalField, adjustments }: RowHandlers,
): RowReader {
  for (const option of ['money', 'map', 'delimiter', 'dates', 'quote', 'skipLines'] as const)
    if (options[option] !== undefined && options[option] !== 'cents')
      throw new UsageError(
        `--${option === 'skipLines' ? 'skip-lines' : option} is for CSV only: JSON files have cents and ISO dates, as at Tratta`,
      )
  const codec = createCodec(options.encoding ?? 'utf-8')
  const decode = recordDecoder(options.encoding)
  const onChange = (change: string) => adjustments.changed(change)
  const clean = cellCleaner(options.nullValues, onChange)
  let isEmpty = true
  const split = format === 'ndjson' ? splitLines : splitArray
  const splitter = split((record) => {
    isEmpty = false
    adjustments.line = record.line
    record.raw = shortenSsnsInJson(record.raw, () => onChange(SSN_SHORTENED))
    const text = record.reason ?? decode(record.raw)
    onRow(record, typeof text === 'string' ? readRow(text, record.line) : unreadableRow({ reason: text }))
  })

  function readText(column: string, value: string): string | null {
    const text = clean(value.trim(), column.endsWith('external_id') ? 'identifier' : 'text')
    if (text === '') return null
    if (column === 'phone') return readPhone(text, onChange)
    if (column === 'ssn_last4') return lastFourOfSsn(text) ?? text
    return text === value.trim() ? value : text
  }

  function readRow(text: string, line: number): ImportRow {
    try {
      return readJsonRow(text, { onAdditionalField, readText })
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
    columnNames: () => [],
    rejectFormat: () => jsonRejectFormat(codec.encode, codec.decode),
  }
}
