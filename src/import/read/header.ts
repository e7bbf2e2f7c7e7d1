import { HeaderError } from '../errors.ts'
import { type Column, parseColumnName, similarColumnName } from './column-names.ts'
import type { ColumnMap } from './map-file.ts'
import { REJECT_COLUMNS } from './reject-format.ts'

const REQUIRED = ['external_id', 'balance']

/**
 * @returns the destination of each column of the file; undefined for a column that is not read
 * @throws {HeaderError}
 */
export function readHeader(header: string[], map: ColumnMap): (Column | undefined)[] {
  const problems: string[] = []
  const names = header.map((name) => name.trim())
  const seen = new Map<string, string>()
  const columns = names.map((name) => {
    if (REJECT_COLUMNS.includes(name)) return undefined
    const target = Object.hasOwn(map, name) ? map[name]! : name
    if (target === null) return undefined
    const column = parseColumnName(target)
    const subject =
      target === name ? `Column ${quoted(name)}` : `Column ${quoted(name)}, mapped to ${quoted(target)},`
    if (!column) problems.push(`${subject} is unknown${suggestion(target)}`)
    else if (seen.has(target)) problems.push(`${subject} is a duplicate of ${quoted(seen.get(target)!)}`)
    else if (column.key !== undefined && seen.has(column.name))
      problems.push(`${subject} is a duplicate: it is also in ${quoted(column.name)}`)
    seen.set(target, name)
    return column
  })
  for (const name of Object.keys(map))
    if (!names.includes(name))
      problems.push(`The map names column ${quoted(name)}, which the file does not have`)
  problems.push(...missingColumns(columns))
  if (problems.length > 0) throw new HeaderError(problems)
  return columns
}

const quoted = (name: string) => JSON.stringify(name)

function suggestion(name: string) {
  const similar = similarColumnName(name)
  return similar
    ? `: is it ${quoted(similar)}? Map it to that name, or to null to omit it`
    : '. Map it to null to omit it'
}

/** A customer or a location has an id and a name, or only an id, which references an existing one. */
function* missingColumns(columns: (Column | undefined)[]): Generator<string> {
  const has = (name: string) => columns.some((column) => column?.name === name)
  for (const name of REQUIRED) if (!has(name)) yield `Column ${quoted(name)} is missing`
  for (const resource of ['customer', 'location']) {
    const [id, name] = [`${resource}_external_id`, `${resource}_name`]
    const other = columns.find((column) => column?.name.startsWith(`${resource}_`) && column.name !== id)
    if (!other) continue
    for (const column of [id, name])
      if (!has(column)) yield `Column ${quoted(column)} is missing: ${quoted(other.name)} requires it`
  }
}
