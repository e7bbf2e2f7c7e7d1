/** Reads CSV records: one account per record, with its customer and its location, or only a customer or a location. */
import { emptyAccount, emptyCustomer, emptyLocation, type ImportRow, type RowPart } from '../import-row.ts'
import { addParent } from '../map/add-parent.ts'
import type { ColumnMap } from '../map/column-map.ts'
import { layOut } from '../map/layout.ts'
import { fieldError, type RowError } from '../row-error.ts'
import { CellError } from './cell-error.ts'
import { isErrorValue } from './clean-cell.ts'
import { type Column, hasAccounts, readHeader } from './header.ts'
import { type CellFormats, cellKind, cellReader } from './read-cell.ts'

type Resource = 'debt_account' | 'customer' | 'location'

interface Cell {
  /** In the record. */
  position: number
  resource: Resource
  column: string
  key: string | undefined
  /** Returns null for a null marker. */
  read(text: string): unknown
}

/** @throws {UserFacingError} */
export function csvRowReader(header: string[], map: ColumnMap, formats: CellFormats) {
  const layout = layOut(header, map, (cell) => formats.clean(cell, 'text'))
  const columns = readHeader(layout.names, layout.targets)
  const isOfAccounts = hasAccounts(columns)
  const cells = columns.flatMap((column, position) =>
    column ? [toCell(column, position, { ...formats, ...layout.formats[position] })] : [],
  )
  const account = partReader(cells, 'debt_account', emptyAccount)
  const customerReader = partReader(cells, 'customer', emptyCustomer)
  const locationReader = partReader(cells, 'location', emptyLocation)
  const readCustomer = reuseLast(customerReader)
  const readLocation = reuseLast(locationReader)
  const unnamed = header.flatMap((name, position) =>
    name === '' && !Object.hasOwn(layout.targets, '') ? [position] : [],
  )
  const accountColumns = new Set(account.columns)
  if (customerReader.columns.has('external_id')) accountColumns.add('customer_external_id')
  if (locationReader.columns.has('external_id')) accountColumns.add('location_external_id')

  return function read(fields: string[]): ImportRow {
    const errors: RowError[] = []
    for (const position of unnamed)
      if (fields[position]!.trim() !== '')
        errors.push({ reason: { code: 'unnamed_column', position: position + 1 } })
    const cells = layout.convert(fields, errors)
    const values = account.read(cells, errors)
    const customer = readCustomer(cells, errors)
    const location = readLocation(cells, errors)
    values.customer_external_id = customer.values.external_id
    values.location_external_id = location.values.external_id
    const row: ImportRow = {
      accounts: isOfAccounts ? [{ values, columns: accountColumns }] : [],
      ...(hasValues(customer.values) && { customer }),
      ...(hasValues(location.values) && { location }),
      errors,
    }
    if (map.parents) addParent(row, layout.group(fields), map.parents!)
    return row
  }
}

function toCell(column: Column, position: number, formats: CellFormats): Cell {
  const [, prefix, rest] = /^(customer|location)_(.*)$/.exec(column.name) ?? []
  const read = cellReader(column)
  const kind = cellKind(column)
  const { clean, allowSuspicious } = formats
  return {
    position,
    resource: (prefix ?? 'debt_account') as Resource,
    column: rest ?? column.name,
    key: column.key,
    read(cell) {
      const text = clean(cell, kind)
      if (text === '') return null
      if (!allowSuspicious && isErrorValue(text)) throw new CellError({ code: 'error_value' })
      return read(text, formats)
    },
  }
}

interface PartReader<Values> {
  columns: ReadonlySet<string>
  positions: number[]
  read(fields: string[], errors: RowError[]): Values
}

function partReader<Values extends object>(
  all: Cell[],
  resource: Resource,
  empty: () => Values,
): PartReader<Values> {
  const cells = all.filter((cell) => cell.resource === resource)
  return {
    columns: new Set(cells.map(({ column }) => column)),
    positions: cells.map(({ position }) => position),
    read(fields, errors) {
      const values = empty()
      const byName = values as Record<string, unknown>
      for (const { position, column, key, read } of cells) {
        const text = fields[position]!.trim()
        if (text === '') continue
        try {
          const value = read(text)
          if (value === null) continue
          if (key === undefined) byName[column] = value
          else byName[column] = withKey(byName[column], key, value)
        } catch (error) {
          if (!(error instanceof CellError)) throw error
          errors.push(fieldError([resource, column, ...(key === undefined ? [] : [key])], error.reason))
        }
      }
      return values
    },
  }
}

/** Keeps the object: a copy for each key would be slow. */
function withKey(object: unknown, key: string, value: unknown) {
  const target = (object ?? {}) as Record<string, unknown>
  target[key] = value
  return target
}

/** Consecutive rows often have the same customer or location: equal cells return the same object. */
function reuseLast<Values extends object>({ columns, positions, read }: PartReader<Values>) {
  let last: { fields: string[]; part: RowPart<Values> } | undefined
  return (fields: string[], errors: RowError[]): RowPart<Values> => {
    if (last && positions.every((at) => fields[at] === last!.fields[at])) return last.part
    const errorsBefore = errors.length
    const part = { values: read(fields, errors), columns, isReference: columns.size === 1 }
    last = errors.length === errorsBefore ? { fields, part } : undefined
    return part
  }
}

const hasValues = (values: object) => Object.values(values).some((value) => value !== null)
