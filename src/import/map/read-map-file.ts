import { readFileSync } from 'node:fs'
import type { TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { isObject } from '../../json.ts'
import { nearestName } from '../../nearest-name.ts'
import { JsonSyntaxError } from '../../payload/exact-json.ts'
import { UsageError } from '../../user-facing-error.ts'
import { columnProblem } from '../read/header.ts'
import { type ColumnMap, JoinedColumn, MappedColumn, Parents } from './column-map.ts'
import { lineAndColumn, type PositionedJson, parseWithPositions, pointer } from './json-positions.ts'

const SECTIONS = ['columns', 'join', 'constants', 'parents']

/** @throws {UsageError} that names line and column */
export function readMapFile(path: string): ColumnMap {
  const text = readText(path)
  const { value, positions } = parse(path, text)
  const place = (at: string) => `${path}:${lineAndColumn(text, positions.get(at) ?? 0)}`
  const problems: { at: number; text: string }[] = []
  const add = (at: string, problem: string) =>
    problems.push({ at: positions.get(at) ?? 0, text: `${place(at)}: ${problem}` })

  if (!isObject(value))
    throw new UsageError(`${place('')}: must be a JSON object, {"Their column": "our_column"}`)
  // The short form has only columns.
  const hasSections = isObject(value.columns)
  const sections: Record<string, unknown> = hasSections ? value : { columns: value }
  const at = (section: string, ...keys: string[]) =>
    hasSections || section !== 'columns' ? pointer(section, ...keys) : pointer(...keys)
  const entries = (section: string): [string, unknown][] => {
    const content = sections[section] ?? {}
    if (isObject(content)) return Object.entries(content)
    add(at(section), 'must be an object')
    return []
  }
  const check = (schema: TSchema, content: unknown, path: string) => {
    for (const problem of problemsOf(schema, content)) add(path + problem.path, problem.message)
  }
  const checkTarget = (name: unknown, path: string) => {
    const problem = typeof name === 'string' ? columnProblem(name) : undefined
    if (problem) add(path, problem)
  }

  for (const name of Object.keys(sections))
    if (!SECTIONS.includes(name)) add(pointer(name), unknownName(name, SECTIONS))
  const columns: ColumnMap['columns'] = {}
  for (const [name, column] of entries('columns')) {
    const path = at('columns', name)
    const mapped = typeof column === 'string' ? { to: column } : column
    if (mapped !== null) check(MappedColumn, mapped, path)
    if (isObject(mapped)) checkTarget(mapped.to, typeof column === 'string' ? path : path + pointer('to'))
    columns[name] = mapped as MappedColumn | null
  }
  for (const [name, join] of entries('join')) {
    check(JoinedColumn, join, at('join', name))
    checkTarget(name, at('join', name))
  }
  for (const [name, constant] of entries('constants')) {
    if (typeof constant !== 'string') add(at('constants', name), 'must be a text')
    checkTarget(name, at('constants', name))
  }
  if (sections.parents !== undefined) check(Parents, sections.parents, at('parents'))
  if (problems.length > 0)
    throw new UsageError(
      problems
        .toSorted((one, other) => one.at - other.at)
        .map(({ text }) => text)
        .join('\n'),
    )
  return {
    columns,
    join: Object.fromEntries(entries('join')) as ColumnMap['join'],
    constants: Object.fromEntries(entries('constants')) as ColumnMap['constants'],
    ...(sections.parents !== undefined && { parents: sections.parents as Parents }),
    place: (section) => place(hasSections ? section : section.replace(/^\/columns/, '')),
  }
}

function readText(path: string) {
  try {
    return readFileSync(path, 'utf8').replace(/^\ufeff/, '')
  } catch (error) {
    throw new UsageError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}

function parse(path: string, text: string): PositionedJson {
  try {
    return parseWithPositions(text)
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    throw new UsageError(
      `${path}:${lineAndColumn(text, error.at ?? 0)}: is not valid JSON, or a duplicate key`,
    )
  }
}

function problemsOf(schema: TSchema, content: unknown) {
  if (!isObject(content)) return [{ path: '', message: schema.description! }]
  const known = Object.keys(schema.properties)
  const problems = new Map<string, string>()
  const missing = new Set<string>()
  for (const { path, schema: failed } of Value.Errors(schema, content)) {
    const [, first = ''] = path.split('/')
    if (problems.has(path)) continue
    if (known.includes(first) && !Object.hasOwn(content, first)) missing.add(first)
    else if (!known.includes(first)) problems.set(path, unknownName(first, known))
    else problems.set(path, failed.description ?? schema.properties[first].description)
  }
  return [
    ...[...missing].map((name) => ({ path: '', message: `${JSON.stringify(name)} is missing` })),
    ...[...problems].map(([path, message]) => ({ path, message })),
  ]
}

function unknownName(name: string, known: string[]) {
  const similar = nearestName(name, known, Math.floor(name.length / 2))
  return `${JSON.stringify(name)} is unknown${similar ? `: is it ${JSON.stringify(similar)}?` : `: the known names are ${known.join(', ')}`}`
}
