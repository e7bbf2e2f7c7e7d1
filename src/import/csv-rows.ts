/** A record of CSV is one account with its customer and its location. */

import { isStorable, NotJson, parseExactly } from '../exact-json.ts'
import { type Column, type ColumnMap, readHeader } from './columns.ts'
import { type Fault, faultAt } from './faults.ts'
import { emptyAccount, emptyCustomer, emptyLocation, type Given, type ImportRow } from './import-row.ts'
import { type CellFormats, readBoolean, readDate, readList, readMoney, UnreadableCell } from './read-cell.ts'

type Resource = 'debt_account' | 'customer' | 'location'
type Read = (text: string) => unknown

/** A column of the file: what its cells are read as, and where that goes. */
interface Plan extends Column {
  resource: Resource
  /** As people know it: the resource, its column, and the key in it. */
  path: string[]
  read: Read
}

/** @throws {WrongHeader} */
export function csvRows(header: string[], map: ColumnMap, formats: CellFormats) {
  const plans = readHeader(header, map).map((column) => column && planOf(column, formats))
  const accountOf = partReader(plans, 'debt_account', emptyAccount)
  const customerOf = repeating(partReader(plans, 'customer', emptyCustomer))
  const locationOf = repeating(partReader(plans, 'location', emptyLocation))
  const accountColumns = new Set(accountOf.columns)
  for (const part of ['customer', 'location'] as const)
    if (plans.some((plan) => plan?.name === `${part}_external_id`)) accountColumns.add(`${part}_external_id`)

  return function read(fields: string[]): ImportRow {
    const faults: Fault[] = []
    const account = accountOf.read(fields, faults)
    const customer = customerOf(fields, faults)
    const location = locationOf(fields, faults)
    account.customer_external_id = customer.row.external_id
    account.location_external_id = location.row.external_id
    return {
      accounts: [{ row: account, columns: accountColumns }],
      ...(isThere(customer.row) && { customer }),
      ...(isThere(location.row) && { location }),
      faults,
      externalId: account.external_id,
    }
  }
}

interface PartReader<Row> {
  columns: ReadonlySet<string>
  /** Positions of its cells in a record. */
  positions: number[]
  read(fields: string[], faults: Fault[]): Row
}

/** Reads the cells that are of one of the three resources. */
function partReader<Row extends object>(
  all: (Plan | undefined)[],
  resource: Resource,
  empty: () => Row,
): PartReader<Row> {
  const plans = all.flatMap((plan, at) => (plan?.resource === resource ? [{ ...plan, at }] : []))
  return {
    columns: new Set(plans.map(({ path }) => path[1]!)),
    positions: plans.map(({ at }) => at),
    read(fields, faults) {
      const row = empty() as Record<string, unknown>
      for (const { at, key, path, read } of plans) {
        const text = fields[at]!.trim()
        if (text === '') continue
        const column = path[1]!
        try {
          const value = read(text)
          row[column] = key === undefined ? value : withKey(row[column], key, value)
        } catch (error) {
          if (!(error instanceof UnreadableCell)) throw error
          faults.push(faultAt(path, error.message))
        }
      }
      return row as Row
    },
  }
}

/** Accounts of a customer or a location often follow one another: the same cells give the very same object. */
function repeating<Row extends object>({ columns, positions, read }: PartReader<Row>) {
  let last: { fields: string[]; part: Given<Row> } | undefined
  return (fields: string[], faults: Fault[]): Given<Row> => {
    if (last && positions.every((at) => fields[at] === last!.fields[at])) return last.part
    const before = faults.length
    const part: Given<Row> = { row: read(fields, faults), columns, isReference: columns.size === 1 }
    last = faults.length === before ? { fields, part } : undefined
    return part
  }
}

function withKey(object: unknown, key: string, value: unknown) {
  const made = (object ?? {}) as Record<string, unknown>
  made[key] = value
  return made
}

function isThere(row: Record<string, unknown>) {
  for (const column in row) if (row[column] !== null) return true
  return false
}

function planOf(column: Column, formats: CellFormats): Plan {
  const [, of, rest] = /^(customer|location)_(.*)$/.exec(column.name) ?? []
  const resource = (of ?? 'debt_account') as Resource
  const path = [resource, rest ?? column.name, ...(column.key === undefined ? [] : [column.key])]
  return { ...column, resource, path, read: readingOf(column, formats) }
}

function readingOf({ name, key }: Column, formats: CellFormats): Read {
  const written = key === undefined ? name : `${name}.${key}`
  switch (written) {
    case 'balance':
    case 'current_balance':
      return (text) => readMoney(text, formats)
    case 'payment_plan.amount':
      return (text) => readAmount(text, formats)
    case 'customer_date_of_birth':
      return (text) => readDate(text, formats)
    case 'customer_address.is_primary':
      return readBoolean
    case 'billing_type':
      return (text) => (text.startsWith('[') ? readJson(text) : readList(text))
    case 'locations':
    case 'payment_plan':
    case 'metadata':
    case 'additional_fields':
    case 'customer_address':
    case 'customer_metadata':
    case 'customer_additional_fields':
    case 'location_metadata':
    case 'location_additional_fields':
      return readJson
    default:
      return (text) => text
  }
}

function readAmount(text: string, formats: CellFormats) {
  const amount = Number(readMoney(text, formats))
  if (Number.isSafeInteger(amount)) return amount
  throw new UnreadableCell('must be a whole number of cents, 0 or more')
}

function readJson(text: string): unknown {
  try {
    const value = parseExactly(text)
    if (isStorable(text, value)) return value
    throw new UnreadableCell('must be free of NUL and of halves of a character')
  } catch (error) {
    if (error instanceof NotJson) throw new UnreadableCell('must be JSON, or one column for each of its keys')
    throw error
  }
}
