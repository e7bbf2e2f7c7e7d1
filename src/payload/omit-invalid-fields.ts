/** Omits the optional fields of a resource that Tratta would reject. */
import type { TObject, TSchema } from '@sinclair/typebox'
import { type TypeCheck, TypeCompiler, type ValueError } from '@sinclair/typebox/compiler'
import { isMetadataKey, isMetadataText } from '../contract.ts'
import { isEmpty, isObject, type Json } from '../json.ts'

/** The path of a field below the payload's `data`: keys and array positions. */
export type Path = (string | number)[]

export interface OmittedField {
  /** The path, `child_debt_accounts[1].metadata.score`. It contains keys that come from the data. */
  field: string
  /** The path without keys from the data, `child_debt_accounts[*].metadata.*`, for logs and metrics. */
  kind: string
  /** The rule that the field violates. It never contains the value. */
  reason: string
}

/** An account whose required fields cannot be sent. Its message names the field, never the value. */
export class UnsendableAccountError extends Error {
  readonly field: string
  readonly kind: string
  constructor({ field, kind, reason }: OmittedField) {
    super(`${field} ${reason}`)
    this.field = field
    this.kind = kind
  }
}

export function omittedField(path: Path, reason: string): OmittedField {
  let field = ''
  let kind = ''
  for (const [depth, key] of path.entries()) {
    const isData = depth > 0 && ['metadata', 'additional_fields'].includes(String(path[depth - 1]))
    field += typeof key === 'number' ? `[${key}]` : `.${key}`
    kind += typeof key === 'number' ? '[*]' : isData ? '.*' : `.${key}`
  }
  return { field: field.slice(1), kind: kind.slice(1), reason }
}

/**
 * The validators of a resource and of each of its fields. The errors of valid fields need not be searched.
 */
export interface ResourceContract {
  schema: TObject
  whole: TypeCheck<TSchema>
  fields: [name: string, field: TypeCheck<TSchema>][]
}

export const resourceContract = (schema: TObject): ResourceContract => ({
  schema,
  whole: TypeCompiler.Compile<TSchema>(schema),
  fields: Object.entries(schema.properties).map(([name, field]) => [name, TypeCompiler.Compile(field)]),
})

/**
 * Deletes from the resource, for each error of its contract, the nearest optional field around the error. The
 * work is linear in the number of values: one pass finds all errors, and a further pass is only needed for an
 * object that became empty. Yields after each error, so that the caller can pause or stop.
 * @param at the path of the resource in the payload
 * @throws {UnsendableAccountError} for an error in no optional field, or in a `neverOmitted` one
 *   (contract.ts)
 */
export function* omitInvalidFields(
  resource: Json,
  { schema, whole, fields }: ResourceContract,
  at: Path,
  omitted: OmittedField[],
): Generator<undefined, void> {
  while (!whole.Check(resource)) {
    for (const [name, field] of fields) {
      const value = resource[name]
      if (value === undefined ? !schema.required?.includes(name) : field.Check(value)) continue
      if (name === 'metadata' && isObject(value) && !isEmpty(value)) {
        yield* omitMetadata(value, [...at, name], omitted)
        continue
      }
      for (const error of field.Errors(value)) {
        const found = omitField(resource, schema, { ...error, path: `/${name}${error.path}` }, at)
        if (found) omitted.push(found)
        yield
      }
    }
  }
}

/** Metadata can have thousands of keys, for which TypeBox's errors are slow. */
function* omitMetadata(metadata: Json, at: Path, omitted: OmittedField[]): Generator<undefined, void> {
  for (const key of Object.keys(metadata)) {
    yield
    const value = metadata[key]
    const isValid = typeof value === 'string' && isMetadataText(value)
    if (isValid && isMetadataKey(key)) continue
    delete metadata[key]
    const reason = isValid
      ? 'must have a key of 1 to 255 characters'
      : 'must be a text of 1 to 255 characters'
    omitted.push(omittedField([...at, key], reason))
  }
}

/** Runs steps to their end without a pause. */
export function runToEnd<T>(steps: Generator<undefined, T>): T {
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
  }
}

type Container = Record<string | number, unknown>

/** @returns nothing for an error in a field that was already deleted */
function omitField(resource: object, of: TSchema, error: ValueError, at: Path): OmittedField | undefined {
  const path: Path = []
  let schema: TSchema | undefined = of
  let container = resource as Container | undefined
  let nearest: { container: Container; depth: number } | undefined
  for (const pointerKey of error.path.split('/').slice(1)) {
    if (container === undefined) return undefined
    const key = Array.isArray(container)
      ? Number(pointerKey)
      : pointerKey.replaceAll('~1', '/').replaceAll('~0', '~')
    path.push(key)
    const properties: Record<string, TSchema> | undefined = schema?.properties
    const isOptional = schema?.patternProperties || (properties && !schema?.required?.includes(key))
    schema = properties?.[key] ?? schema?.items
    if (schema?.neverOmitted) nearest = undefined
    else if (isOptional) nearest = { container, depth: path.length }
    container = container[key] as Container | undefined
  }
  const reason = error.value === undefined ? 'is missing' : `must be ${error.schema.description}`
  const invalid = omittedField([...at, ...path], reason)
  if (!nearest) throw new UnsendableAccountError(invalid)
  const key = path[nearest.depth - 1]!
  if (!Object.hasOwn(nearest.container, key)) return undefined
  delete nearest.container[key]
  if (nearest.depth === path.length) return invalid
  return omittedField([...at, ...path.slice(0, nearest.depth)], `its ${invalid.field} ${reason}`)
}
