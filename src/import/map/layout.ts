/** Applies a map to the columns of one file: joined columns and constants become further columns. */
import { UserFacingError } from '../../user-facing-error.ts'
import type { CellFormats } from '../read/read-cell.ts'
import { fieldError, type RowError } from '../row-error.ts'
import { type ColumnMap, type JoinedColumn, type MappedColumn, namedColumns } from './column-map.ts'
import { pointer } from './json-positions.ts'
import { firstNameFirst } from './person-name.ts'

interface Layout {
  /** Of the columns of the file, and then of the further columns. */
  names: string[]
  /** From these names to our names. Columns with null are not read. */
  targets: Record<string, string | null>
  /** The formats of a column, where they differ from those of the file. */
  formats: (Partial<CellFormats> | undefined)[]
  /** The group number for {@link ColumnMap.parents}; empty without one. */
  group(fields: string[]): string
  /** @returns the cells of all columns, converted */
  convert(fields: string[], errors: RowError[]): string[]
}

type Conversion = Omit<MappedColumn, 'to'> | Omit<JoinedColumn, 'columns'>

/**
 * @param names of the columns of the file
 * @param clean removes null markers and escapes of spreadsheets from a cell
 */
export function layOut(names: string[], map: ColumnMap, clean: (cell: string) => string): Layout {
  const targets: Layout['targets'] = {}
  const formats: Layout['formats'] = []
  const conversions: { position: number; target: string; convert: (text: string) => string | undefined }[] =
    []
  const further: ((fields: string[]) => string)[] = []
  const allNames = [...names]

  function addConversion(position: number, target: string, { dates, money, ...conversion }: Conversion) {
    if (dates || money) formats[position] = { ...(dates && { dates }), ...(money && { money }) }
    const convert = conversionOf(conversion, clean)
    if (convert) conversions.push({ position, target, convert })
  }
  function addColumn(target: string, read: (fields: string[]) => string) {
    const name = names.includes(target) ? `${target} of the map` : target
    targets[name] = target
    further.push(read)
    return allNames.push(name) - 1
  }

  for (const name of namedColumns(map)) if (names.includes(name)) targets[name] = null
  for (const [name, column] of Object.entries(map.columns)) {
    const position = names.indexOf(name)
    if (position === -1) continue
    targets[name] = column?.to ?? null
    if (column) addConversion(position, column.to, column)
  }
  for (const [target, join] of Object.entries(map.join)) {
    const positions = join.columns.map((name) => names.indexOf(name))
    // Another file of the same command can have these columns.
    if (positions.includes(-1)) continue
    const separator = join.separator ?? ' '
    const read = (fields: string[]) =>
      positions
        .map((at) => clean(fields[at]!.trim()))
        .filter((text) => text !== '')
        .join(separator)
    addConversion(addColumn(target, read), target, join)
  }
  const mapped = new Set(allNames.map((name) => (Object.hasOwn(targets, name) ? targets[name] : name)))
  const hasCustomers = [...mapped].some((name) => name?.startsWith('customer_'))
  for (const [target, constant] of Object.entries(map.constants))
    if (target.startsWith('customer_') ? hasCustomers : mapped.has('external_id'))
      addColumn(target, () => constant)
  const groupColumn = map.parents ? names.indexOf(map.parents.column) : -1

  return {
    names: allNames,
    targets,
    formats,
    group: (fields) => (groupColumn === -1 ? '' : clean(fields[groupColumn]!.trim())),
    convert(fields, errors) {
      if (further.length + conversions.length === 0) return fields
      const cells = [...fields, ...further.map((read) => read(fields))]
      for (const { position, target, convert } of conversions) {
        const text = convert(cells[position]!.trim())
        if (text === undefined) errors.push(unmappedValue(target))
        else cells[position] = text
      }
      return cells
    },
  }
}

/** @returns undefined for a cell without a new value */
function conversionOf(
  { null_values: nulls, values, default: fallback, name }: Conversion,
  clean: (cell: string) => string,
) {
  if (!nulls && !values && !name) return undefined
  const empty = new Set(nulls)
  return (cell: string): string | undefined => {
    if (empty.has(cell)) return ''
    const text = values || name ? clean(cell) : cell
    if (text === '') return ''
    const value = !values ? text : Object.hasOwn(values, text) ? values[text] : fallback
    return value !== undefined && name ? firstNameFirst(value) : value
  }
}

function unmappedValue(target: string): RowError {
  const [, resource = 'debt_account', column = target] = /^(customer|location)_(.*)$/.exec(target) ?? []
  return fieldError([resource, column], { code: 'unmapped_value' })
}

/**
 * @param names of the columns of all files that the map is for
 * @throws {UserFacingError} if the map names a column that no file has
 */
export function requireColumns(map: ColumnMap, names: Set<string>) {
  const problems: string[] = []
  const require = (name: string, ...path: string[]) => {
    if (names.has(name)) return
    problems.push(
      `${map.place(pointer(...path))}: The map names column ${JSON.stringify(name)}, which the file does not have`,
    )
  }
  for (const name of Object.keys(map.columns)) require(name, 'columns', name)
  for (const [target, { columns }] of Object.entries(map.join))
    for (const [at, name] of columns.entries()) require(name, 'join', target, 'columns', String(at))
  if (map.parents) require(map.parents.column, 'parents', 'column')
  if (problems.length > 0) throw new UserFacingError(problems.join('\n'))
}
