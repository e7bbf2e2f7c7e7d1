/**
 * Readings of Tratta's pages: where the pages are silent, which behavior the program expects. A setting decides,
 * then what `probe` found, then the assumption. Each reading changes one decision.
 */
import type pg from 'pg'
import type { Config } from '../config.ts'
import type { SsnLast4Format } from '../payload/column-values.ts'
import { readStoredReadings, type StoredReading } from './readings-store.ts'

export interface Readings {
  /** `reject`: `bulk push` sends no row for a customer that Tratta has. */
  existingCustomers: 'reuse' | 'reject'
  /** `folded`: `bulk push` sends no ids that differ only by case, trailing blanks or Unicode composition. */
  idComparison: 'exact' | 'folded'
  /** The maximum size of a bulk request. */
  maxBulkBytes: number
  maxBulkRows: number
  /** The maximum number of bulk requests at the same time. */
  bulkInFlight: number
  /** `marked`: Tratta says when errors are not ready, so one reading of the errors is final. */
  pendingErrors: 'unmarked' | 'marked'
  /** The JSON type of `ssn_last4`; `any`: a number, or a text if a number would lose a leading zero. */
  ssnLast4: SsnLast4Format
}

export const ASSUMED: Readings = {
  existingCustomers: 'reuse',
  idComparison: 'exact',
  maxBulkBytes: 4_000_000,
  maxBulkRows: 1000,
  bulkInFlight: 6,
  pendingErrors: 'unmarked',
  ssnLast4: 'any',
}

const number = (text: string) => (/^\d{1,9}$/.test(text) && Number(text) > 0 ? Number(text) : undefined)
const oneOf =
  <const Value extends string>(...values: Value[]) =>
  (text: string) =>
    values.find((value) => value === text)

/** By reading: the experiment of `probe`, the setting that overrides it, and how the stored value is read. */
export const READING_SOURCES = {
  existingCustomers: {
    experiment: 'existing_customers',
    setting: 'TRATTA_EXISTING_CUSTOMERS',
    parse: oneOf('reuse', 'reject'),
  },
  idComparison: {
    experiment: 'id_comparison',
    setting: 'TRATTA_ID_COMPARISON',
    parse: oneOf('exact', 'folded'),
  },
  maxBulkBytes: { experiment: 'bulk_bytes', setting: 'TRATTA_BULK_BYTES', parse: number },
  maxBulkRows: { experiment: 'bulk_rows', setting: 'TRATTA_BULK_ROWS', parse: number },
  bulkInFlight: { experiment: 'parallel_requests', setting: 'TRATTA_BULK_IN_FLIGHT', parse: number },
  pendingErrors: {
    experiment: 'errors_ready',
    setting: 'TRATTA_PENDING_ERRORS',
    parse: oneOf('unmarked', 'marked'),
  },
  ssnLast4: {
    experiment: 'ssn_last4',
    setting: 'TRATTA_SSN_LAST4',
    parse: oneOf('any', 'text', 'number'),
  },
} as const satisfies {
  [Name in keyof Readings]: {
    experiment: string
    setting: keyof Config
    parse(text: string): Readings[Name] | undefined
  }
}

/** Merges the settings, what `probe` stored, and the assumptions. */
export function readingsFrom(config: Partial<Config>, stored: readonly StoredReading[]): Readings {
  const values = (Object.keys(READING_SOURCES) as (keyof Readings)[]).map((name) => {
    const { experiment, setting, parse } = READING_SOURCES[name]
    const found = stored.find((one) => one.name === experiment)
    return [name, config[setting] ?? (found && parse(found.value)) ?? ASSUMED[name]]
  })
  return Object.fromEntries(values)
}

/** Reads the stored readings of TRATTA_API_URL. Without it, or before the migration, there are none. */
export const loadReadings = async (pool: pg.Pool, config: Partial<Config>): Promise<Readings> =>
  readingsFrom(config, config.TRATTA_API_URL ? await readStoredReadings(pool, config.TRATTA_API_URL) : [])
