/** Rows of the tables as the lines that COPY takes. */
import { isEmpty } from '../json.ts'

/** The columns of the tables, in the order in which they are copied, and how. */
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
    billing_type: texts,
    balance: text,
    current_balance: text,
    locations: json,
    payment_plan: json,
    metadata: json,
    additional_fields: json,
  },
}
export type Table = keyof typeof TABLES

export interface CopiedRow {
  external_id: string
  /** Without the line number, which comes first, and without its end: a bit for each column that is given, and all of them. */
  columns: string
}

type Copy = (value: never) => string

const COLUMNS = Object.fromEntries(
  Object.entries(TABLES).map(([table, columns]) => [
    table,
    Object.entries(columns).map(([column, copy], at) => ({ column, copy: copy as Copy, bit: 1 << at })),
  ]),
)

export function copiedRow(
  table: Table,
  given: ReadonlySet<string>,
  values: Record<string, unknown>,
): CopiedRow {
  let bits = 0
  const cells: string[] = []
  for (const { column, copy, bit } of COLUMNS[table]!) {
    if (given.has(column)) bits |= bit
    const value = values[column]
    cells.push(value === undefined || value === null ? '\\N' : copy(value as never))
  }
  return { external_id: String(values.external_id), columns: `${bits}\t${cells.join('\t')}` }
}

/** A value of a line of COPY. */
export const copied = (value: string | number | undefined) =>
  value === undefined ? '\\N' : text(String(value))

const NEEDS_ESCAPE = /[\\\t\n\r]/
const ESCAPES: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' }

function text(value: string): string {
  return NEEDS_ESCAPE.test(value)
    ? value.replaceAll(/[\\\t\n\r]/g, (character) => ESCAPES[character]!)
    : value
}

function json(value: unknown): string {
  return typeof value === 'object' && isEmpty(value!) ? '\\N' : text(JSON.stringify(value))
}

const quoted = (item: string) => `"${/[\\"]/.test(item) ? item.replaceAll(/[\\"]/g, '\\$&') : item}"`

/** As an array of Postgres is written. */
function texts(value: string[]): string {
  return text(`{${value.map(quoted).join(',')}}`)
}
