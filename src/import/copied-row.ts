/** Rows of the tables as the lines that COPY takes. */

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

const COLUMNS = Object.fromEntries(
  Object.entries(TABLES).map(([table, columns]) => [table, Object.entries(columns)]),
) as unknown as Record<Table, [string, (value: never) => string][]>

export function copiedRow(
  table: Table,
  given: ReadonlySet<string>,
  values: Record<string, unknown>,
): CopiedRow {
  let bits = 0
  let bit = 1
  let copied = ''
  for (const [column, copy] of COLUMNS[table]) {
    if (given.has(column)) bits |= bit
    bit <<= 1
    const value = values[column]
    copied += value === undefined || value === null ? '\t\\N' : `\t${copy(value as never)}`
  }
  return { external_id: String(values.external_id), columns: `${bits}${copied}` }
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
  return isEmpty(value) ? '\\N' : text(JSON.stringify(value))
}

function isEmpty(value: unknown) {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}

/** As an array of Postgres is written. */
function texts(value: string[]): string {
  const items = value.map((item) => `"${item.replaceAll(/[\\"]/g, '\\$&')}"`)
  return text(`{${items.join(',')}}`)
}
