/** Encodes rows of the tables in the text format of COPY. */
import { isEmpty } from '../../json.ts'

type Encoder = (value: unknown) => string

/** The columns of the tables in the order in which they are copied. */
export const TABLES = {
  locations: { external_id: text, name: text, type: text, metadata: json, additional_fields: json },
  customers: {
    external_id: text,
    name: text,
    email: text,
    phone: text,
    date_of_birth: text,
    ssn_last4: text,
    address: json,
    metadata: json,
    additional_fields: json,
  },
  debt_accounts: {
    external_id: text,
    parent_external_id: text,
    customer_external_id: text,
    location_external_id: text,
    external_account_number: text,
    billing_type: textArray,
    balance: text,
    current_balance: text,
    locations: json,
    payment_plan: json,
    metadata: json,
    additional_fields: json,
  },
} satisfies Record<string, Record<string, Encoder>>
export type Table = keyof typeof TABLES

export const columnsOf = (table: Table) => Object.keys(TABLES[table])

/** The bit of a column in `present` of a staged row: the file has this column. */
export const presentBit = (table: Table, column: string) => 1 << columnsOf(table).indexOf(column)

export interface EncodedRow {
  external_id: string
  /** The present bits and all columns, without the line end. */
  line: string
}

const ENCODERS = {
  locations: encoders('locations'),
  customers: encoders('customers'),
  debt_accounts: encoders('debt_accounts'),
}

function encoders(table: Table) {
  const columns: Record<string, Encoder> = TABLES[table]
  return Object.entries(columns).map(([column, encode], position) => ({ column, encode, bit: 1 << position }))
}

/** @param present the columns that the file has */
export function encodeRow(
  table: Table,
  present: ReadonlySet<string>,
  values: Record<string, unknown>,
): EncodedRow {
  let bits = 0
  const cells: string[] = []
  for (const { column, encode, bit } of ENCODERS[table]) {
    if (present.has(column)) bits |= bit
    const value = values[column]
    cells.push(value === undefined || value === null ? '\\N' : encode(value))
  }
  return { external_id: String(values.external_id), line: `${bits}\t${cells.join('\t')}` }
}

export const encodeLine = (values: (string | number | null | undefined)[]) =>
  `${values.map((value) => (value === undefined || value === null ? '\\N' : text(value))).join('\t')}\n`

const NEEDS_ESCAPE = /[\\\t\n\r]/
const ESCAPES: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' }

function text(value: unknown): string {
  const written = String(value)
  return NEEDS_ESCAPE.test(written)
    ? written.replaceAll(/[\\\t\n\r]/g, (character) => ESCAPES[character]!)
    : written
}

function json(value: unknown): string {
  return typeof value === 'object' && value !== null && isEmpty(value) ? '\\N' : text(JSON.stringify(value))
}

/** An array literal of Postgres. The contract requires a list of texts. */
function textArray(value: unknown): string {
  const items = (value as string[]).map(
    (item) => `"${/[\\"]/.test(item) ? item.replaceAll(/[\\"]/g, '\\$&') : item}"`,
  )
  return text(`{${items.join(',')}}`)
}
