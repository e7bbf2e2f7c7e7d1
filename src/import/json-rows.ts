/**
 * A record of JSON is a row of Tratta's Bulk (`customer`, `location`, `parent_debt_accounts`, `debt_accounts`) or
 * the `data` of Tratta's Just In Time (`customer`, `location`, `debt_account`, `child_debt_accounts`).
 */

import type { DebtAccountRow } from '../database/account-row.ts'
import { isStorable, parseExactly } from '../exact-json.ts'
import { isEmpty, isObject, type Json } from '../json.ts'
import { REJECT_COLUMNS } from './columns.ts'
import { type Fault, faultAt, plainFault } from './faults.ts'
import { emptyAccount, emptyCustomer, emptyLocation, type Given, type ImportRow } from './import-row.ts'

/** Of a reject file: what could not be told apart as JSON, to be mended. */
export const REJECT_TEXT = 'import_text'
const BULK = ['parent_debt_accounts', 'debt_accounts']
const JUST_IN_TIME = ['debt_account', 'child_debt_accounts']

/**
 * @param onFurtherField gets the name of a field without a column of its own: it goes to additional_fields
 * @throws {NotJson}
 */
export function readJsonRow(text: string, onFurtherField: (name: string) => void): ImportRow {
  const record = parseExactly(text)
  const row: ImportRow = { accounts: [], faults: [], externalId: null }
  const refuse = (reason: string) => row.faults.push(plainFault(reason))
  if (!isStorable(text, record)) refuse('holds NUL or half of a character')
  if (!isObject(record)) refuse('must be an object with customer, location and debt accounts')
  if (!isObject(record) || row.faults.length > 0) return row
  if (Object.hasOwn(record, REJECT_TEXT)) {
    refuse(`is still to be mended: put the object that ${REJECT_TEXT} holds in its place`)
    return row
  }
  const isBulk = BULK.some((key) => Object.hasOwn(record, key))
  const [one, many] = isBulk ? BULK : JUST_IN_TIME
  const known = [...REJECT_COLUMNS, 'customer', 'location', one, many]
  for (const key of Object.keys(record))
    if (!known.includes(key))
      row.faults.push(faultAt([key], `is not known: it has ${known.slice(2).join(', ')}`))

  const read = <Row extends object>(name: string, value: unknown, made: Row) =>
    fieldsOf(name, value, made, row.faults, onFurtherField)
  const theirs: Partial<DebtAccountRow> = {}
  const keys: string[] = []
  if (record.customer !== undefined) keys.push('customer_external_id')
  if (isFilled(record.customer)) {
    row.customer = read('customer', record.customer, emptyCustomer())
    theirs.customer_external_id = row.customer.row.external_id
  }
  if (record.location !== undefined) keys.push('location_external_id')
  if (isFilled(record.location)) {
    row.location = read('location', record.location, emptyLocation())
    theirs.location_external_id = row.location.row.external_id
  }
  const accounts = [...list(record, one!, !isBulk, row.faults), ...list(record, many!, false, row.faults)]
  for (const { name, value } of accounts) {
    const account = read(name, value, emptyAccount())
    Object.assign(account.row, theirs)
    if (name.startsWith('child_') && account.row.parent_external_id === null)
      row.faults.push(faultAt([name, 'parent_external_id'], 'is missing'))
    row.accounts.push({ row: account.row, columns: new Set([...account.columns, ...keys]) })
  }
  if (accounts.length === 0 && row.faults.length === 0) refuse('has no debt account')
  row.externalId = row.accounts[0]?.row.external_id ?? null
  return row
}

const isFilled = (value: unknown) =>
  value !== undefined && value !== null && !(isObject(value) && isEmpty(value))

function list(
  record: Json,
  name: string,
  isOne: boolean,
  faults: Fault[],
): { name: string; value: unknown }[] {
  const value = record[name]
  if (value === undefined || value === null) {
    if (isOne) faults.push(faultAt([name], 'is missing'))
    return []
  }
  if (isOne) return [{ name, value }]
  if (Array.isArray(value)) return value.map((value) => ({ name, value }))
  faults.push(faultAt([name], 'must be a list of debt accounts'))
  return []
}

const MONEY = ['balance', 'current_balance']
const OBJECTS = ['locations', 'payment_plan', 'address', 'metadata', 'additional_fields']

/** Which an account has from the customer and the location beside it. */
const NOT_OF_ITS_OWN = ['customer_external_id', 'location_external_id']

/** Fills the row of a resource; what has no column there goes to additional_fields. */
function fieldsOf<Row extends object>(
  name: string,
  value: unknown,
  made: Row,
  faults: Fault[],
  onFurtherField: (name: string) => void,
): Given<Row> {
  const row = made as Json
  const columns = new Set<string>()
  if (!isObject(value)) {
    faults.push(faultAt([name], 'must be an object'))
    return { row: made, columns }
  }
  const further: [string, unknown][] = []
  for (const [key, field] of Object.entries(value)) {
    if (NOT_OF_ITS_OWN.includes(key))
      faults.push(faultAt([name, key], 'is not read: it stands in an object beside'))
    else if (Object.hasOwn(row, key)) {
      columns.add(key)
      row[key] = columnOf([name, key], field, faults)
    } else if (field !== null) {
      further.push([key, field])
      onFurtherField(`${name}.${key}`)
    }
  }
  if (further.length > 0) {
    columns.add('additional_fields')
    const given = row.additional_fields
    row.additional_fields = { ...(isObject(given) && given), ...Object.fromEntries(further) }
  }
  return { row: made, columns, isReference: columns.size === 1 && columns.has('external_id') }
}

function columnOf(path: string[], field: unknown, faults: Fault[]): unknown {
  const key = path[1]!
  if (field === null) return null
  if (MONEY.includes(key)) {
    if (typeof field === 'number' || (typeof field === 'string' && /^-?\d+$/.test(field)))
      return String(field)
    faults.push(faultAt(path, 'must be a whole number of cents, without fraction and exponent'))
    return null
  }
  if (OBJECTS.includes(key) && typeof field === 'string') {
    faults.push(faultAt(path, 'must be JSON itself, not a text that holds it'))
    return null
  }
  if (OBJECTS.includes(key) || key === 'billing_type' || typeof field === 'string') return field
  if (typeof field === 'number') return String(field)
  faults.push(faultAt(path, 'must be a text'))
  return null
}
