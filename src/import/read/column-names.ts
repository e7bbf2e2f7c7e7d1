/** The column names of CSV files: those of our tables, with `customer_` and `location_` in front of those two. */
import { Address, PaymentPlan } from '../../contract.ts'
import { CUSTOMER, DEBT_ACCOUNT, LOCATION } from '../../database/relations.ts'
import { nearestName } from '../../nearest-name.ts'

/** The destination of a cell: a column of a table, or a key of a JSON column. */
export interface Column {
  name: string
  key?: string
}

const COLUMNS = [
  ...Object.keys(DEBT_ACCOUNT),
  ...Object.keys(CUSTOMER).map((column) => `customer_${column}`),
  ...Object.keys(LOCATION).map((column) => `location_${column}`),
]

/** The JSON columns whose keys can be columns of the file (`metadata.score`), and their keys. */
const KEYS: Record<string, string[] | 'any'> = {
  metadata: 'any',
  additional_fields: 'any',
  payment_plan: Object.keys(PaymentPlan.properties),
  customer_address: Object.keys(Address.properties),
  customer_metadata: 'any',
  customer_additional_fields: 'any',
  location_metadata: 'any',
  location_additional_fields: 'any',
}

export function parseColumnName(name: string): Column | undefined {
  if (COLUMNS.includes(name)) return { name }
  const dot = name.indexOf('.')
  const column = name.slice(0, dot)
  const key = name.slice(dot + 1)
  const keys = Object.hasOwn(KEYS, column) ? KEYS[column] : undefined
  // Assigning __proto__ would not create a key.
  const isKey = keys === 'any' ? key !== '' && key !== '__proto__' : keys?.includes(key)
  return isKey ? { name: column, key } : undefined
}

/** @returns the known column name that is most similar to this one */
export function similarColumnName(name: string): string | undefined {
  const known = [
    ...COLUMNS,
    ...Object.entries(KEYS).flatMap(([column, keys]) =>
      keys === 'any' ? [] : keys.map((key) => `${column}.${key}`),
    ),
  ]
  const normalized = name.toLowerCase().replaceAll(/[^a-z0-9.]+/g, '_')
  if (known.includes(normalized)) return normalized
  return (
    known.find((column) => column.endsWith(`_${normalized}`) || column.endsWith(`.${normalized}`)) ??
    nearestName(normalized, known, Math.floor(normalized.length / 2))
  )
}
