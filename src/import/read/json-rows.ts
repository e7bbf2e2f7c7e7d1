/**
 * Reads a JSON record: a row of Tratta's bulk requests (`customer`, `location`, `parent_debt_accounts`,
 * `debt_accounts`) or the `data` of a JIT payload (`customer`, `location`, `debt_account`, `child_debt_accounts`).
 */
import type { DebtAccountRow } from '../../database/account-row.ts'
import { isEmpty, isObject, type Json } from '../../json.ts'
import { isStorable, parseExactly } from '../../payload/exact-json.ts'
import {
  emptyAccount,
  emptyCustomer,
  emptyLocation,
  type ImportRow,
  type RowPart,
  unreadableRow,
} from '../import-row.ts'
import { fieldError, invalidValue, type RowError } from '../row-error.ts'
import { REJECT_COLUMNS, REJECT_TEXT } from './reject-format.ts'

const BULK = ['parent_debt_accounts', 'debt_accounts'] as const
const JIT = ['debt_account', 'child_debt_accounts'] as const

interface JsonFieldReader {
  /** Gets the name of a field without a column of its own: its value goes to additional_fields. */
  onAdditionalField(name: string): void
  /** Returns null for a null marker. */
  readText(column: string, text: string): string | null
}

/** @throws {JsonSyntaxError} */
export function readJsonRow(text: string, reader: JsonFieldReader): ImportRow {
  const record = parseExactly(text)
  if (!isStorable(text, record)) return unreadableRow({ reason: { code: 'unstorable_text' } })
  if (!isObject(record)) return unreadableRow({ reason: { code: 'not_an_object' } })
  if (Object.hasOwn(record, REJECT_TEXT)) return unreadableRow({ reason: { code: 'unedited_reject' } })
  const isBulk = BULK.some((key) => Object.hasOwn(record, key))
  const [first, second] = isBulk ? BULK : JIT
  const errors: RowError[] = []
  const known = ['customer', 'location', first, second]
  for (const key of Object.keys(record))
    if (!known.includes(key) && !REJECT_COLUMNS.includes(key))
      errors.push(fieldError([key], { code: 'unknown_field', known: known.join(', ') }))

  const row: ImportRow = { accounts: [], errors }
  const shared: Partial<DebtAccountRow> = {}
  const sharedColumns: string[] = []
  if (record.customer !== undefined) sharedColumns.push('customer_external_id')
  if (hasFields(record.customer)) {
    row.customer = readFields('customer', record.customer, emptyCustomer(), errors, reader)
    shared.customer_external_id = row.customer.values.external_id
  }
  if (record.location !== undefined) sharedColumns.push('location_external_id')
  if (hasFields(record.location)) {
    row.location = readFields('location', record.location, emptyLocation(), errors, reader)
    shared.location_external_id = row.location.values.external_id
  }
  const accounts = [...listAccounts(record, first, errors), ...listAccounts(record, second, errors)]
  for (const { name, value } of accounts) {
    const { values, columns } = readFields(name, value, emptyAccount(), errors, reader)
    if (name === 'child_debt_accounts' && values.parent_external_id === null)
      errors.push(fieldError([name, 'parent_external_id'], { code: 'missing' }))
    row.accounts.push({
      values: Object.assign(values, shared),
      columns: new Set([...columns, ...sharedColumns]),
    })
  }
  if (accounts.length === 0 && errors.length === 0) errors.push({ reason: { code: 'no_account' } })
  return row
}

const hasFields = (value: unknown) =>
  value !== undefined && value !== null && !(isObject(value) && isEmpty(value))

function listAccounts(record: Json, name: string, errors: RowError[]): { name: string; value: unknown }[] {
  const value = record[name]
  const isMissing = value === undefined || value === null
  if (name === 'debt_account') {
    if (!isMissing) return [{ name, value }]
    errors.push(fieldError([name], { code: 'missing' }))
  } else if (Array.isArray(value)) return value.map((value) => ({ name, value }))
  else if (!isMissing) errors.push(invalidValue([name], 'must be a list of debt accounts'))
  return []
}

const MONEY = ['balance', 'current_balance']
const JSON_COLUMNS = ['locations', 'payment_plan', 'address', 'metadata', 'additional_fields']
/** An account gets these keys from the customer and the location of the same row. */
const FOREIGN_KEYS = ['customer_external_id', 'location_external_id']

/** @param empty a row whose keys are the columns; gets the values */
function readFields<Values extends object>(
  name: string,
  resource: unknown,
  empty: Values,
  errors: RowError[],
  reader: JsonFieldReader,
): RowPart<Values> {
  const values = empty as Json
  const columns = new Set<string>()
  if (!isObject(resource)) {
    errors.push(invalidValue([name], 'must be an object'))
    return { values: empty, columns }
  }
  const additional: [string, unknown][] = []
  for (const [key, field] of Object.entries(resource)) {
    if (FOREIGN_KEYS.includes(key)) errors.push(fieldError([name, key], { code: 'misplaced' }))
    else if (Object.hasOwn(values, key)) {
      columns.add(key)
      values[key] = readField([name, key], field, errors, reader)
    } else if (field !== null) {
      additional.push([key, field])
      reader.onAdditionalField(`${name}.${key}`)
    }
  }
  if (additional.length > 0) {
    columns.add('additional_fields')
    const own = values.additional_fields
    values.additional_fields = { ...(isObject(own) && own), ...Object.fromEntries(additional) }
  }
  return { values: empty, columns, isReference: columns.size === 1 && columns.has('external_id') }
}

function readField(
  path: [resource: string, key: string],
  field: unknown,
  errors: RowError[],
  { readText }: JsonFieldReader,
): unknown {
  const [, key] = path
  if (field === null) return null
  if (MONEY.includes(key)) {
    if (typeof field === 'number' || (typeof field === 'string' && /^-?\d+$/.test(field)))
      return String(field)
    errors.push(invalidValue(path, 'must be a whole number of cents, without fraction and exponent'))
    return null
  }
  if (JSON_COLUMNS.includes(key)) {
    if (typeof field !== 'string') return field
    errors.push(invalidValue(path, 'must be a JSON value, not a text that contains JSON'))
    return null
  }
  if (key === 'billing_type') return field
  if (typeof field === 'string') return readText(key, field)
  if (typeof field === 'number') return String(field)
  errors.push(invalidValue(path, 'must be a text'))
  return null
}
