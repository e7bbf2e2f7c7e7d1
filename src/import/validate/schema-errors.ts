import type { ValueErrorIterator } from '@sinclair/typebox/errors'
import type { Path } from '../../payload/omit-invalid-fields.ts'
import { fieldError, invalidValue, type RowError } from '../row-error.ts'

interface Validator {
  Check(value: unknown): boolean
  Errors(value: unknown): ValueErrorIterator
}

/** @returns every error that the contract finds in a resource, at most one per field */
export function schemaErrors(resource: unknown, contract: Validator, resourcePath: Path): RowError[] {
  if (contract.Check(resource)) return []
  const errors = new Map<string, RowError>()
  for (const { path: pointer, value, schema } of contract.Errors(resource)) {
    if (errors.has(pointer)) continue
    const path = [...resourcePath, ...parsePointer(pointer, resource)]
    errors.set(
      pointer,
      value === undefined
        ? fieldError(path, { code: 'missing' })
        : invalidValue(path, `must be ${schema.description}`),
    )
  }
  return [...errors.values()]
}

function parsePointer(pointer: string, resource: unknown): Path {
  let container = resource as Record<string | number, unknown> | undefined
  return pointer
    .split('/')
    .slice(1)
    .map((part) => {
      const key = Array.isArray(container) ? Number(part) : part.replaceAll('~1', '/').replaceAll('~0', '~')
      container = container?.[key] as typeof container
      return key
    })
}
