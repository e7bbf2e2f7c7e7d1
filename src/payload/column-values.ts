/**
 * Converts column values to fields of Tratta's resources. A null, a blank text and an empty
 * object become undefined, because an empty metadata value deletes the key at Tratta (pages "Customer" and
 * "Debt account"). A value of the wrong type is returned unchanged, and the contract rejects it.
 */
import { Address, FurtherLocation, PaymentPlan } from '../contract.ts'
import { isEmpty, isObject, isWrittenNumber, type Json } from '../json.ts'
import { JsonSyntaxError, parseExactly, plainDigits } from './exact-json.ts'

// Tratta trims texts (its validation is Laravel's), so a blank text is an empty text there.
export const text = (value: string | null) => (value === null || value.trim() === '' ? undefined : value)

/** @param value whole cents in digits; a numeric column may add `.00` */
export function cents(value: string | null): unknown {
  if (value === null || !/^-?\d+(\.0+)?$/.test(value)) return text(value)
  const number = Number(value)
  return Number.isSafeInteger(number) ? number + 0 : value
}

/** A view may have a timestamp at midnight for a date. */
export const date = (value: unknown) =>
  typeof value === 'string'
    ? text(value)?.replace(/[T ]00:00:00(\.0+)?([+-]\d\d(:\d\d)?|Z)?$/, '')
    : emptyToUndefined(value)

/** The JSON type of `ssn_last4`. `any`: a number, or a text if a number would lose a leading zero. */
export type SsnLast4Format = 'any' | 'text' | 'number'

export const ssnLast4 = (value: string | null, format: SsnLast4Format = 'any') =>
  format !== 'text' && value !== null && /^[1-9]\d{3}$/.test(value) ? Number(value) : text(value)

/** A JSON column, or a text column that contains JSON. */
export function json(value: unknown): unknown {
  // An object that contains a WrittenNumber would pass as metadata.
  if (isWrittenNumber(value)) return Number(value.rawJSON)
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return emptyToUndefined(value)
  try {
    return emptyToUndefined(parseExactly(value))
  } catch (error) {
    if (error instanceof JsonSyntaxError) return value
    throw error
  }
}

export function emptyToUndefined(value: unknown): unknown {
  if (typeof value === 'string') return value.trim() === '' ? undefined : value
  if (typeof value !== 'object') return value
  return value === null || isEmpty(value) ? undefined : value
}

/** A single text is a list of one. */
export function list(value: unknown): unknown {
  const read = json(value)
  if (typeof read === 'string') return [read]
  return Array.isArray(read)
    ? emptyToUndefined(read.filter((item) => emptyToUndefined(item) !== undefined))
    : read
}

export function locations(value: unknown): unknown {
  const read = list(value)
  return Array.isArray(read)
    ? read.map((item) => (isObject(item) ? declaredFields(item, FurtherLocation.properties) : item))
    : read
}

export function address(value: unknown): unknown {
  const read = json(value)
  return isObject(read) ? emptyToUndefined(declaredFields(read, Address.properties)) : read
}

/** Converts weekdays to lower case, like Tratta's other days (`1st`, `last_day`). */
export function paymentPlan(value: unknown): unknown {
  const read = json(value)
  if (!isObject(read)) return read
  const plan = declaredFields(read, PaymentPlan.properties)
  if (typeof plan.recurring_day === 'string') plan.recurring_day = plan.recurring_day.toLowerCase()
  if (isWrittenNumber(plan.amount)) plan.amount = cents(plainDigits(plan.amount) ?? null) ?? plan.amount
  return emptyToUndefined(plan)
}

/** Returns the fields that Tratta documents, without the empty ones. */
function declaredFields(fields: Json, declared: Json): Json {
  const made: Json = {}
  for (const key in declared) {
    if (!Object.hasOwn(fields, key)) continue
    const value = emptyToUndefined(fields[key])
    if (value !== undefined) made[key] = value
  }
  return made
}

/**
 * Tratta's metadata values are texts: a number becomes its digits, true and false become 1 and 0 (rule
 * metadata).
 */
export function metadata(value: unknown): unknown {
  const read = json(value)
  if (!isObject(read)) return read
  const made: Json = {}
  for (const key of Object.keys(read)) {
    const item = metadataText(read[key])
    if (item !== undefined) put(made, key, item)
  }
  return emptyToUndefined(made)
}

function metadataText(value: unknown): unknown {
  if (typeof value === 'boolean') return value ? '1' : '0'
  if (typeof value === 'number') return String(value)
  return isWrittenNumber(value) ? (plainDigits(value) ?? value) : emptyToUndefined(value)
}

export function put(target: Json, key: string, value: unknown) {
  // Assigning __proto__ would change the object instead of adding a field.
  if (value !== undefined && key !== '__proto__') target[key] = value
}
