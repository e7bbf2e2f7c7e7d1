/** What is wrong with a row, said so that a person can act on it, and never with a value. */
import type { TSchema } from '@sinclair/typebox'
import type { TypeCheck } from '@sinclair/typebox/compiler'
import { omittedField, type Path } from '../omit-invalid-fields.ts'

export interface Fault {
  /** Names the field as it is in the file: keys of metadata may come from the data. For the reject file. */
  what: string
  /** The same without what comes from the data: for screens, where equal ones are counted. */
  kind: string
  /** Of one field, so that it is not found at fault twice. */
  field?: string
  /** Another line of the file that it is about. */
  also?: number
}

export const plainFault = (what: string, also?: number): Fault => ({
  what,
  kind: what,
  ...(also !== undefined && { also }),
})

/** @param path from the resource on, `['customer', 'metadata', 'score']` */
export function faultAt(path: Path, reason: string): Fault {
  const { field, kind } = omittedField(path, reason)
  return { what: `${field} ${reason}`, kind: `${kind} ${reason}`, field }
}

/** All that the contract refuses of a resource; one fault for a field. */
export function faultsOf<T extends TSchema>(resource: unknown, contract: TypeCheck<T>, at: Path): Fault[] {
  if (contract.Check(resource)) return []
  const faults = new Map<string, Fault>()
  for (const { path, value, schema } of contract.Errors(resource)) {
    if (faults.has(path)) continue
    const keys = keysOf(path, resource)
    faults.set(
      path,
      faultAt([...at, ...keys], value === undefined ? 'is missing' : `must be ${schema.description}`),
    )
  }
  return [...faults.values()]
}

function keysOf(pointer: string, resource: unknown): Path {
  let container = resource as Record<string | number, unknown> | undefined
  return pointer
    .split('/')
    .slice(1)
    .map((written) => {
      const key = Array.isArray(container)
        ? Number(written)
        : written.replaceAll('~1', '/').replaceAll('~0', '~')
      container = container?.[key] as typeof container
      return key
    })
}
