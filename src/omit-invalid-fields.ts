/** What was not sent, and the taking out of a field that Tratta would refuse. */
import type { TSchema } from '@sinclair/typebox'
import type { ValueError } from '@sinclair/typebox/compiler'

/** The keys and array positions that lead to a field, below the payload's `data`. */
export type Path = (string | number)[]

export interface OmittedField {
  /** Where the field stands, `child_debt_accounts[1].metadata.score`. Holds keys that come from the data. */
  field: string
  /** The same without what comes from the data, `child_debt_accounts[*].metadata.*`: for logs and metrics. */
  kind: string
  /** What it must be, never what it is. */
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

type Container = Record<string | number, unknown>

/**
 * Takes the nearest optional field around a fault out of a payload of this schema, `{data: {…}}`.
 * @throws {UnsendableAccountError} when there is none, or when a vital field stands between.
 */
export function omitField(payload: object, of: TSchema, fault: ValueError): OmittedField {
  const path: Path = []
  let schema: TSchema | undefined = of
  let container = payload as Container
  let nearest: { container: Container; depth: number } | undefined
  for (const pointerKey of fault.path.split('/').slice(1)) {
    const key = Array.isArray(container)
      ? Number(pointerKey)
      : pointerKey.replaceAll('~1', '/').replaceAll('~0', '~')
    path.push(key)
    const properties: Record<string, TSchema> | undefined = schema?.properties
    const isOptional = schema?.patternProperties || (properties && !schema?.required?.includes(key))
    schema = properties?.[key] ?? schema?.items
    if (schema?.vital) nearest = undefined
    else if (isOptional) nearest = { container, depth: path.length }
    container = container[key] as Container
  }
  const reason = fault.value === undefined ? 'is missing' : `must be ${fault.schema.description}`
  const faulty = omittedField(path.slice(1), reason)
  if (!nearest) throw new UnsendableAccountError(faulty)
  delete nearest.container[path[nearest.depth - 1]!]
  if (nearest.depth === path.length) return faulty
  return omittedField(path.slice(1, nearest.depth), `its ${faulty.field} ${reason}`)
}
