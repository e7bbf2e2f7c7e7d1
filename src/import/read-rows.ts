/** The rows of a file: its form found out, its records cut, decoded and read. */

import { NotJson } from '../exact-json.ts'
import type { ColumnMap } from './columns.ts'
import { csvRows } from './csv-rows.ts'
import { codingOf, type Encoding } from './encoding.ts'
import { type Fault, plainFault } from './faults.ts'
import { countLines, type FileRecord, type Splitter } from './file-record.ts'
import type { ImportRow } from './import-row.ts'
import { readJsonRow } from './json-rows.ts'
import { UnreadableFile } from './open-file.ts'
import type { CellFormats } from './read-cell.ts'
import { csvRejects, jsonRejects, type RejectLine } from './rejects.ts'
import { splitCsv } from './split-csv.ts'
import { splitArray, splitLines } from './split-json.ts'

export const FORMATS = ['csv', 'ndjson', 'bulk-json'] as const
export type Format = (typeof FORMATS)[number]

/** What the file does not say of itself. */
export interface Reading {
  format?: Format
  encoding?: Encoding
  /** For CSV only. */
  delimiter?: string
  dates?: CellFormats['dates']
  money?: CellFormats['money']
  map?: ColumnMap
}

/** What was said about the file, or was not, does not go with it. */
export class WrongReading extends Error {}

/** A row, or why there is none. */
export type Take = (record: FileRecord, row: ImportRow | Fault[]) => void

export interface RowReader extends Splitter {
  /** Of this file's form. */
  rejects(): { head: string; lineOf: RejectLine }
}

const BYTE_ORDER_MARK = '\u00ef\u00bb\u00bf'

/**
 * @param begin the beginning of the file, a character for a byte: at least one that is not blank
 * @param onFurtherField gets the name of a JSON field that has no column of its own
 * @throws {WrongReading} {@link UnreadableFile} {@link WrongHeader} here, and from `write` and `end`
 */
export function rowReader(
  begin: string,
  reading: Reading,
  take: Take,
  onFurtherField: (name: string) => void,
): RowReader {
  if (/^(\xff\xfe|\xfe\xff)/.test(begin)) throw new UnreadableFile('It is UTF-16: save it as UTF-8')
  const format = reading.format ?? guess(begin)
  const reader =
    format === 'csv' ? csvReader(reading, take) : jsonReader(format, reading, take, onFurtherField)
  let isFirst = true
  return {
    ...reader,
    write(text) {
      reader.write(isFirst && text.startsWith(BYTE_ORDER_MARK) ? text.slice(BYTE_ORDER_MARK.length) : text)
      isFirst = false
    },
  }
}

function guess(begin: string): Format {
  const text = begin.startsWith(BYTE_ORDER_MARK) ? begin.slice(BYTE_ORDER_MARK.length) : begin
  const first = text.trimStart()[0]
  return first === '[' ? 'bulk-json' : first === '{' ? 'ndjson' : 'csv'
}

function csvReader({ delimiter = ',', dates = 'iso', ...reading }: Reading, take: Take): RowReader {
  const { money, map = {}, encoding = 'utf-8' } = reading
  if (!money)
    throw new WrongReading('A CSV file needs --money cents or --money dollars: which of them its amounts are')
  const coding = codingOf(encoding)
  let header = ''
  let readRow: ((fields: string[]) => ImportRow) | undefined
  const splitter = splitCsv(delimiter, (record) => {
    const { raw, fields, fault } = record
    if (fault !== undefined && readRow) return take(record, [plainFault(fault)])
    if (fault !== undefined) throw new UnreadableFile(`Line ${record.line}, the header, ${fault}`)
    const text = raw.includes('\0') ? undefined : coding.decode(raw)
    if (!readRow) {
      if (text === undefined)
        throw new UnreadableFile(`Line ${record.line}, the header, ${unfit(raw, coding.fault)}`)
      const names = fields!.map((field) => coding.decode(field)!)
      mustBeCut(names, delimiter)
      header = raw
      readRow = csvRows(names, map, { money, dates })
    } else if (text === undefined) take(record, [plainFault(unfit(raw, coding.fault))])
    else take(record, readRow(text === raw ? fields! : fields!.map((field) => coding.decode(field)!)))
  })
  return {
    write: splitter.write,
    end() {
      splitter.end()
      if (!readRow) throw new UnreadableFile('It is empty: it has no header')
    },
    rejects: () => csvRejects(header, delimiter, coding.encode),
  }
}

function mustBeCut(names: string[], delimiter: string) {
  const other = [',', ';', '\t', '|'].find((one) => one !== delimiter && names[0]!.includes(one))
  if (names.length > 1 || !other) return
  const said = other === '\t' ? 'tab' : `'${other}'`
  throw new UnreadableFile(
    `Its header is one column: say --delimiter ${said}, by which it seems to be divided`,
  )
}

const unfit = (raw: string, fault: string) =>
  raw.includes('\0') ? 'holds a NUL byte: a text has none, so the file is damaged or is no text' : fault

function jsonReader(
  format: 'ndjson' | 'bulk-json',
  reading: Reading,
  take: Take,
  onFurtherField: (name: string) => void,
): RowReader {
  for (const option of ['money', 'map', 'delimiter', 'dates'] as const)
    if (reading[option] !== undefined && reading[option] !== 'cents')
      throw new WrongReading(
        `--${option} is for CSV: JSON is read as Tratta writes it, in cents and ISO dates`,
      )
  const coding = codingOf(reading.encoding ?? 'utf-8')
  let count = 0
  const split = format === 'ndjson' ? splitLines : splitArray
  const splitter = split((record) => {
    count += 1
    if (record.fault !== undefined) return take(record, [plainFault(record.fault)])
    const text = record.raw.includes('\0') ? undefined : coding.decode(record.raw)
    if (text === undefined) return take(record, [plainFault(unfit(record.raw, coding.fault))])
    take(record, readRow(text, record.line))
  })

  function readRow(text: string, line: number) {
    try {
      return readJsonRow(text, onFurtherField)
    } catch (error) {
      if (!(error instanceof NotJson)) throw error
      return [
        plainFault('is not JSON', error.at === undefined ? undefined : line + countLines(text, 0, error.at)),
      ]
    }
  }

  return {
    write: splitter.write,
    end() {
      splitter.end()
      if (count === 0) throw new UnreadableFile('It is empty')
    },
    rejects: () => jsonRejects(coding.encode, coding.decode),
  }
}
