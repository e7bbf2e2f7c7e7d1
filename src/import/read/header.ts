import { Address, PaymentPlan } from '../../contract.ts'
import { CUSTOMER, DEBT_ACCOUNT, LOCATION } from '../../database/columns.ts'
import { nearestName } from '../../nearest-name.ts'
import { UserFacingError } from '../../user-facing-error.ts'
import { REJECT_COLUMNS } from './reject-format.ts'
import { isData } from './require-header.ts'

/**
 * The column names of CSV files: those of our tables, with `customer_` and `location_` in front of the columns of
 * those two tables, and a map for other names.
 */
const REQUIRED = ['external_id', 'balance']

/** Trims the names, and gives equal ones a number: `Phone`, `Phone#2`. */
export function uniqueNames(header: string[]): string[] {
  const counts = new Map<string, number>()
  return header.map((cell) => {
    const name = cell.trim()
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    return name === '' || count === 1 ? name : `${name}#${count}`
  })
}

/** Whether a name is the name of a column except for case, blanks and punctuation. */
export const isKnownName = (name: string) =>
  parseColumnName(name) !== undefined || COLUMNS.includes(normalized(name))

const MAX_PROBLEMS = 20

/**
 * @param names of {@link uniqueNames}
 * @param map from names to ours; null for a column that is not read
 * @returns the destination of each column of the file; undefined for a column that is not read
 * @throws {UserFacingError} The message contains no cell that can be data
 */
export function readHeader(names: string[], map: Record<string, string | null>): (Column | undefined)[] {
  const problems: string[] = []
  const nameOf = new Map<string, string>()
  const columns = names.map((name, at) => {
    if (REJECT_COLUMNS.includes(name) || (name === '' && !Object.hasOwn(map, ''))) return undefined
    const target = Object.hasOwn(map, name) ? map[name]! : name
    if (target === null) return undefined
    const column = parseColumnName(target)
    const shown = isData(name) ? String(at + 1) : quoted(name)
    const subject = target === name ? `Column ${shown}` : `Column ${shown}, mapped to ${quoted(target)},`
    const original = target.replace(/#\d+$/, '')
    if (problems.length > MAX_PROBLEMS) return column
    if (!column && nameOf.has(original)) problems.push(`${subject} is a duplicate of ${quoted(original)}`)
    else if (!column) problems.push(`${subject} is unknown${suggestion(target)}`)
    else if (nameOf.has(target)) problems.push(`${subject} is a duplicate of ${quoted(nameOf.get(target)!)}`)
    else if (column.key !== undefined && nameOf.has(column.name))
      problems.push(`${subject} is a duplicate: it is also in ${quoted(column.name)}`)
    nameOf.set(target, name)
    return column
  })
  problems.push(...missingColumns(columns))
  if (problems.length > MAX_PROBLEMS)
    problems.splice(MAX_PROBLEMS, Number.POSITIVE_INFINITY, 'There are more errors')
  if (problems.length > 0) throw new UserFacingError(problems.join('\n'))
  return columns
}

/** @returns why a name is not one of our columns */
export const columnProblem = (name: string) =>
  parseColumnName(name) ? undefined : `${quoted(name)} is unknown${suggestion(name)}`

const quoted = (name: string) => JSON.stringify(name)

function suggestion(name: string) {
  const similar = similarColumnName(name)
  return similar
    ? `: is it ${quoted(similar)}? Map it to that name, or to null to omit it`
    : '. Map it to null to omit it'
}

/**
 * A customer or a location has an id and a name, or only an id, which references an existing one. A file without
 * columns of accounts has only customers or locations.
 */
function* missingColumns(columns: (Column | undefined)[]): Generator<string> {
  const has = (name: string) => columns.some((column) => column?.name === name)
  const hasOnlyOthers = has('customer_name') || has('location_name')
  if (hasAccounts(columns) || !hasOnlyOthers)
    for (const name of REQUIRED) if (!has(name)) yield `Column ${quoted(name)} is missing`
  for (const resource of ['customer', 'location']) {
    const [id, name] = [`${resource}_external_id`, `${resource}_name`]
    const other = columns.find((column) => column?.name.startsWith(`${resource}_`) && column.name !== id)
    if (!other) continue
    for (const column of [id, name])
      if (!has(column)) yield `Column ${quoted(column)} is missing: ${quoted(other.name)} requires it`
  }
}

/** Whether a column belongs to accounts. */
export const hasAccounts = (columns: (Column | undefined)[]) =>
  columns.some((column) => column && !/^(customer|location)_/.test(column.name))

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

function parseColumnName(name: string): Column | undefined {
  if (COLUMNS.includes(name)) return { name }
  const dot = name.indexOf('.')
  const column = name.slice(0, dot)
  const key = name.slice(dot + 1)
  const keys = Object.hasOwn(KEYS, column) ? KEYS[column] : undefined
  // Assigning __proto__ would not create a key.
  const isKey = keys === 'any' ? key !== '' && key !== '__proto__' : keys?.includes(key)
  return isKey ? { name: column, key } : undefined
}

/** Edit distances of longer names would take seconds. */
const MAX_NAME = 64

const normalized = (name: string) =>
  name
    .trim()
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, '_')
    .replaceAll(/^_|_$/g, '')

/** @returns the known column name that is most similar to this one */
function similarColumnName(name: string): string | undefined {
  const known = [
    ...COLUMNS,
    ...Object.entries(KEYS).flatMap(([column, keys]) =>
      keys === 'any' ? [] : keys.map((key) => `${column}.${key}`),
    ),
  ]
  const similar = normalized(name)
  if (known.includes(similar)) return similar
  return (
    known.find((column) => column.endsWith(`_${similar}`) || column.endsWith(`.${similar}`)) ??
    (similar.length > MAX_NAME ? undefined : nearestName(similar, known, Math.floor(similar.length / 2)))
  )
}
