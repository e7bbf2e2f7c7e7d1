import type { FastifyRequest } from 'fastify'

export type JsonObject = Record<string, unknown>

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const maybeFraction = /"\s*:\s*-?\d+[.eE]/
const integerFields = new Set(['balance', 'current_balance', 'amount', 'ssn_last4'])

/**
 * Parses JSON and keeps `100.0` and `1e2` distinct from the integer 100: in an integer field such a number
 * becomes a Number object, which every rule rejects.
 * @throws SyntaxError
 */
export function parseJson(text: string): unknown {
  // A reviver sees the source text, but makes parsing ten times slower.
  if (!maybeFraction.test(text)) return JSON.parse(text)
  return JSON.parse(text, (key: string, value: unknown, ...[context]: { source?: string }[]) =>
    integerFields.has(key) && Number.isInteger(value) && /[.eE]/.test(context?.source ?? '')
      ? Object(value)
      : value,
  )
}

/** The JSON body of a request; undefined if its content type is not JSON or the body cannot be parsed. */
export function readJson(request: FastifyRequest): unknown {
  if (!/[/+]json\b/.test(request.headers['content-type'] ?? '')) return undefined
  try {
    return parseJson(String(request.body))
  } catch {
    return undefined
  }
}

/**
 * Sorts keys by length, then alphabetically, as in the errors example of bulk.txt: the order of a MySQL JSON
 * column, not the order sent.
 */
export function sortJsonKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortJsonKeys)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, inner]) => [key, sortJsonKeys(inner)] as const)
  return Object.fromEntries(entries.sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1)))
}
