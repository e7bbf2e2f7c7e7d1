import type { Adjustments } from '../adjustments.ts'
import type { ImportRow } from '../import-row.ts'
import type { ColumnMap } from '../map/column-map.ts'
import type { Encoding } from './encoding.ts'
import type { FileRecord, Splitter } from './file-record.ts'
import type { Dates } from './read-date.ts'
import type { Money } from './read-money.ts'
import type { RejectFormat } from './reject-format.ts'

export const FORMATS = ['csv', 'ndjson', 'bulk-json'] as const
export type Format = (typeof FORMATS)[number]
export const QUOTES = ['none'] as const

export interface ReadOptions {
  format?: Format
  encoding?: Encoding
  /** Loads values that are possible by type and impossible by meaning. */
  allowSuspicious?: boolean
  /** Texts that mean an empty cell, instead of the default ones. */
  nullValues?: string[]
  /** These are for CSV only. */
  delimiter?: string
  quote?: (typeof QUOTES)[number]
  /** Lines before the header. */
  skipLines?: number
  dates?: Dates
  money?: Money
  map?: ColumnMap
  /** Other files of the command have the same map: not every column of it is in this file. */
  isMapShared?: boolean
}

export interface RowHandlers {
  onRow(record: FileRecord, row: ImportRow): void
  /** A JSON field without a column of its own: its value goes to additional_fields. */
  onAdditionalField(name: string): void
  adjustments: Adjustments
}

export interface RowReader extends Splitter {
  /** CSV only. Call this after the first record. */
  columnNames(): string[]
  /** Call this after the first record. */
  rejectFormat(): RejectFormat
}
