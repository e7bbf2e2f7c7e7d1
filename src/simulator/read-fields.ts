import type { FastifyRequest } from 'fastify'
import { isObject } from '../json.ts'
import { parseJson } from './parse-json.ts'

/** The JSON of a request's body; undefined if it is not declared as JSON, or is none. */
export function readJson(request: FastifyRequest): unknown {
  if (!/[/+]json\b/.test(request.headers['content-type'] ?? '')) return undefined
  try {
    return parseJson(String(request.body))
  } catch {
    return undefined
  }
}

/** The fields of a form or of a JSON object: the JIT pages send forms (README.md, request bodies). */
export function readFields(request: FastifyRequest): Record<string, unknown> {
  if (request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) {
    return Object.fromEntries(new URLSearchParams(String(request.body)))
  }
  const json = readJson(request)
  return isObject(json) ? json : {}
}
