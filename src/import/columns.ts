/** The columns of a CSV file: their names, which are those of the lookup's row, and what a header makes of them. */
import { Address, PaymentPlan } from '../contract.ts'
import { CUSTOMER, DEBT_ACCOUNT, LOCATION } from '../database/relations.ts'

/** A header that cannot be read as ours, with all that is wrong about it. */
export class WrongHeader extends Error {
  constructor(problems: string[]) {
    super(problems.join('\n'))
  }
}

/** From their column names to ours; null leaves a column out. */
export type ColumnMap = Record<string, string | null>

/** Where a cell goes: a column of the row, or a key of a JSON column. */
export interface Column {
  name: string
  key?: string
}

/** The columns of the lookup's row and so of the tables, `customer_` and `location_` in front of those two. */
export const COLUMNS = [
  ...Object.keys(DEBT_ACCOUNT),
  ...Object.keys(CUSTOMER).map((column) => `customer_${column}`),
  ...Object.keys(LOCATION).map((column) => `location_${column}`),
]
/** JSON columns of which a key may be a column of its own, `metadata.score`, and which keys. */
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
/** Of a reject file: read over, so that it can be mended and imported again. */
export const REJECT_COLUMNS = ['import_line', 'import_reasons']

const REQUIRED = ['external_id', 'balance']

/**
 * @returns for each column where its cells go; undefined for one that is left out
 * @throws {WrongHeader}
 */
export function readHeader(header: string[], map: ColumnMap): (Column | undefined)[] {
  const problems: string[] = []
  const names = header.map((name) => name.trim())
  const taken = new Map<string, string>()
  const columns = names.map((name) => {
    if (REJECT_COLUMNS.includes(name)) return undefined
    const ours = Object.hasOwn(map, name) ? map[name]! : name
    if (ours === null) return undefined
    const column = columnNamed(ours)
    const by = ours === name ? `Column ${shown(name)}` : `Column ${shown(name)}, by the map ${shown(ours)},`
    if (!column) problems.push(`${by} is not known${suggestion(ours)}`)
    else if (taken.has(ours)) problems.push(`${by} is there twice: also ${shown(taken.get(ours)!)}`)
    else if (column.key !== undefined && taken.has(column.name))
      problems.push(`${by} is there twice: also in ${shown(column.name)}`)
    taken.set(ours, name)
    return column
  })
  for (const name of Object.keys(map))
    if (!names.includes(name))
      problems.push(`The map names a column ${shown(name)} that the file does not have`)
  for (const [name, because] of needed(columns)) problems.push(`Column ${shown(name)} is missing${because}`)
  if (problems.length > 0) throw new WrongHeader(problems)
  return columns
}

const shown = (name: string) => JSON.stringify(name)

function columnNamed(name: string): Column | undefined {
  if (COLUMNS.includes(name)) return { name }
  const dot = name.indexOf('.')
  const column = name.slice(0, dot)
  const key = name.slice(dot + 1)
  const keys = Object.hasOwn(KEYS, column) ? KEYS[column] : undefined
  // Assigned, that one would be no key.
  const isKey = keys === 'any' ? key !== '' && key !== '__proto__' : keys?.includes(key)
  return isKey ? { name: column, key } : undefined
}

/** A customer and a location have an id and a name, or are only named by their id. */
function* needed(columns: (Column | undefined)[]): Generator<[name: string, because: string]> {
  const has = (name: string) => columns.some((column) => column?.name === name)
  for (const name of REQUIRED) if (!has(name)) yield [name, '']
  for (const resource of ['customer', 'location']) {
    const [id, name] = [`${resource}_external_id`, `${resource}_name`]
    const first = columns.find((column) => column?.name.startsWith(`${resource}_`) && column.name !== id)
    if (!first) continue
    for (const column of [id, name]) if (!has(column)) yield [column, `: it goes with ${shown(first.name)}`]
  }
}

function suggestion(name: string) {
  const known = [
    ...COLUMNS,
    ...Object.entries(KEYS).flatMap(([column, keys]) =>
      keys === 'any' ? [] : keys.map((key) => `${column}.${key}`),
    ),
  ]
  const plain = name.toLowerCase().replaceAll(/[^a-z0-9.]+/g, '_')
  const ending = known.find((one) => one.endsWith(`_${plain}`) || one.endsWith(`.${plain}`))
  const nearest = known.includes(plain) ? plain : (ending ?? nearestOf(plain, known))
  return nearest
    ? `: is it ${shown(nearest)}? The map names it so, or leaves it out with null`
    : '. The map leaves it out with null'
}

/** Where a third of the letters are right by chance, nothing is near. */
function nearestOf(name: string, known: string[]) {
  const [nearest] = known
    .map((one) => ({ one, distance: distance(name, one) }))
    .filter(({ one, distance }) => distance <= Math.max(name.length, one.length) / 2)
    .sort((a, b) => a.distance - b.distance)
  return nearest?.one
}

/** Letters to add, take away or change (Levenshtein). */
function distance(from: string, to: string) {
  let above = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const change = from[row - 1] === to[column - 1] ? 0 : 1
      current.push(Math.min(above[column]! + 1, current[column - 1]! + 1, above[column - 1]! + change))
    }
    above = current
  }
  return above.at(-1)!
}
