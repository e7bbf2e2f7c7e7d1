/**
 * Compares what we sent with the resources in Tratta's answer, whose form is unknown. Tratta's pages show two forms: the
 * names of the payload with `uuid`, and `id`, `dob`, `ssn`, addresses as a list, metadata as a list of
 * `{attribute, value}`.
 */
import type { JitPayload } from '../contract.ts'
import { isObject, type Json } from '../json.ts'

/** Dotted field names, `child_debt_accounts.*.balance`; keys of metadata as `*`. They contain no value. */
export interface Comparison {
  /** Tratta returned another value. */
  differs: string[]
  /** Tratta returned the resource without this field, so that its value is unknown. */
  notReturned: string[]
}

/** @param answer the body of a successful trigger. Resources that it does not contain are not compared. */
export function compareResources(sent: JitPayload, answer: unknown): Comparison {
  const body = isObject(answer) && isObject(answer.data) ? answer.data : answer
  const differs = new Set<string>()
  const notReturned = new Set<string>()
  if (isObject(body)) {
    const { customer, location, debt_account, child_debt_accounts: children = [] } = sent.data
    const compare = (path: string, one: Json | undefined, held: unknown) => {
      if (one && isObject(held)) compareFields(path, one, readResource(held), { differs, notReturned })
    }
    compare('customer', customer, body.customer)
    compare('location', location, body.location)
    compare('debt_account', debt_account, body.debt_account)
    const held = Array.isArray(body.child_debt_accounts) ? body.child_debt_accounts : []
    for (const child of children)
      compare(
        'child_debt_accounts.*',
        child,
        held.find((one) => isObject(one) && String(one.external_id) === child.external_id),
      )
  }
  return { differs: [...differs].sort(), notReturned: [...notReturned].sort() }
}

function compareFields(
  path: string,
  sent: Json,
  held: Json,
  found: { differs: Set<string>; notReturned: Set<string> },
): void {
  for (const [name, value] of Object.entries(sent)) {
    const field = path.endsWith('.metadata') ? `${path}.*` : `${path}.${name}`
    const other = held[name]
    if (other === undefined || other === null) found.notReturned.add(field)
    else if (isObject(value) && isObject(other)) compareFields(field, value, other, found)
    else if (!isSame(name, value, other)) found.differs.add(field)
  }
}

/** Other names of the same field. */
const NAMES: Record<string, string> = {
  dob: 'date_of_birth',
  ssn: 'ssn_last4',
  addresses: 'address',
}

/** Returns a resource with the names and shapes of the payload. */
function readResource(resource: Json): Json {
  const read: Json = {}
  for (const [name, value] of Object.entries(resource)) {
    const known = NAMES[name] ?? name
    read[known] =
      known === 'address' ? readAddress(value) : known === 'metadata' ? readMetadata(value) : value
  }
  return read
}

function readAddress(value: unknown): unknown {
  if (!Array.isArray(value)) return value
  const isPrimary = (one: unknown) => isObject(one) && [true, 1, '1'].includes(one.is_primary as boolean)
  return value.find(isPrimary) ?? value[0]
}

function readMetadata(value: unknown): unknown {
  if (!Array.isArray(value)) return value
  return Object.fromEntries(
    value.flatMap((one) =>
      isObject(one) ? [[String(one.attribute ?? one.key ?? one.name), one.value]] : [],
    ),
  )
}

const digits = (value: unknown) => String(value).replace(/\D/g, '')

/** How the values of a field are compared, where a plain comparison is too strict. */
const FORMS: Record<string, (value: unknown) => string> = {
  ssn_last4: (value) => digits(value).slice(-4).padStart(4, '0'),
  phone: (value) => digits(value).slice(-10),
  date_of_birth: (value) => String(value).slice(0, 10),
  billing_type: (value) => JSON.stringify([value].flat().map(String).sort()),
  is_primary: (value) => String(value === true || value === 1 || value === '1'),
}

function isSame(name: string, sent: unknown, held: unknown): boolean {
  const form = FORMS[name]
  if (form) return form(sent) === form(held)
  if (Array.isArray(sent) && Array.isArray(held))
    return sent.length === held.length && sent.every((one, index) => contains(one, held[index]))
  return typeof sent === 'object' || typeof held === 'object'
    ? contains(sent, held)
    : String(sent) === String(held)
}

/** Whether `held` has every field of `sent`. */
function contains(sent: unknown, held: unknown): boolean {
  if (isObject(sent) && isObject(held))
    return Object.entries(sent).every(([name, value]) => isSame(name, value, held[name]))
  return JSON.stringify(sent) === JSON.stringify(held)
}
