/**
 * What Tratta gets for an account, made from the row that the lookup gives.
 *
 * Absent means absent: nulls, blank texts and empty objects are not sent (an empty metadata value would
 * delete the key at Tratta, see the pages "Customer" and "Debt account"). An optional field that Tratta
 * would reject is omitted, because a caller is waiting and Tratta would refuse the whole payload; a
 * required one that cannot be sent is an error.
 */
import type { Static, TSchema } from '@sinclair/typebox'
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler'
import { Address, Customer, DebtAccount, JitPayload, Location } from './contract.ts'
import type { AccountRow, CustomerRow, DebtAccountRow, LocationRow } from './database/find-account.ts'
import { isEmpty, isObject, type Json } from './json.ts'
import { type OmittedField, omitField, omittedField, type Path } from './omit-invalid-fields.ts'

const contract: TypeCheck<typeof JitPayload> = TypeCompiler.Compile(JitPayload)

/** @throws {UnsendableAccountError} when a required field, or a vital one of contract.ts, cannot be sent. */
export function toPayload(row: AccountRow): { payload: JitPayload; omitted: OmittedField[] } {
  const omitted: OmittedField[] = []
  const data: Json = {}
  if (row.location !== null) data.location = location(row.location, omitted)
  if (row.customer !== null) data.customer = customer(row.customer, omitted)
  data.debt_account = debtAccount(row.debt_account, ['debt_account'], omitted)
  if (row.children)
    data.child_debt_accounts = row.children.map((child, index) =>
      debtAccount(child, ['child_debt_accounts', index], omitted),
    )
  const payload: unknown = { data }
  fit(payload, contract, omitted)
  return { payload, omitted }
}

/**
 * Leaves out of `{data: {…}}` what its contract refuses.
 * @throws {UnsendableAccountError}
 */
export function fit<T extends TSchema>(
  payload: unknown,
  contract: TypeCheck<T>,
  omitted: OmittedField[],
): asserts payload is Static<T> {
  while (!contract.Check(payload))
    omitted.push(omitField(payload as object, contract.Schema(), contract.Errors(payload).First()!))
}

export function debtAccount(row: DebtAccountRow, at: Path, omitted: OmittedField[]): Json {
  const account: Json = {}
  put(account, 'external_id', text(row.external_id))
  put(account, 'parent_external_id', text(row.parent_external_id))
  put(account, 'external_account_number', text(row.external_account_number))
  put(account, 'billing_type', list(row.billing_type))
  put(account, 'balance', cents(row.balance))
  put(account, 'current_balance', cents(row.current_balance))
  put(account, 'locations', locations(row.locations))
  put(account, 'payment_plan', paymentPlan(row.payment_plan))
  put(account, 'metadata', metadata(row.metadata))
  putAdditional(account, row.additional_fields, DebtAccount.properties, at, omitted)
  return account
}

export function customer(row: CustomerRow, omitted: OmittedField[]): Json {
  const made: Json = {}
  put(made, 'external_id', text(row.external_id))
  put(made, 'name', text(row.name))
  put(made, 'email', text(row.email))
  put(made, 'phone', text(row.phone))
  put(made, 'date_of_birth', date(row.date_of_birth))
  put(made, 'ssn_last4', ssnLast4(row.ssn_last4))
  put(made, 'address', address(row.address))
  put(made, 'metadata', metadata(row.metadata))
  putAdditional(made, row.additional_fields, Customer.properties, ['customer'], omitted)
  return made
}

export function location(row: LocationRow, omitted: OmittedField[]): Json {
  const made: Json = {}
  put(made, 'external_id', text(row.external_id))
  put(made, 'name', text(row.name))
  put(made, 'type', text(row.type))
  put(made, 'metadata', metadata(row.metadata))
  putAdditional(made, row.additional_fields, Location.properties, ['location'], omitted)
  return made
}

function put(target: Json, key: string, value: unknown) {
  // Assigning __proto__ would change the object instead of adding a field.
  if (value !== undefined && key !== '__proto__') target[key] = value
}

/** Further fields that Tratta documents; a field with a column of its own is taken from the column only. */
function putAdditional(target: Json, value: unknown, own: Json, at: Path, omitted: OmittedField[]) {
  const fields = column(value)
  if (fields === undefined) return
  if (!isObject(fields)) {
    omitted.push(omittedField([...at, 'additional_fields'], 'must be an object'))
    return
  }
  for (const [key, field] of Object.entries(fields)) {
    if (Object.hasOwn(own, key) || key === '__proto__')
      omitted.push(omittedField([...at, 'additional_fields', key], 'must come from its own column'))
    else put(target, key, filled(field))
  }
}

// What follows reads a column. A value of the wrong form is handed on as it came: the contract finds it.

// Tratta's side trims texts (its validation is Laravel's), so that a blank one is an empty one there.
const text = (value: string | null) => (value === null || value.trim() === '' ? undefined : value)

function cents(value: string | null): unknown {
  if (value === null || !/^-?\d+(\.0+)?$/.test(value)) return text(value)
  const number = Number(value)
  return Number.isSafeInteger(number) ? number + 0 : value
}

/** A view may give a timestamp at midnight for a date. */
const date = (value: unknown) =>
  typeof value === 'string'
    ? text(value)?.replace(/[T ]00:00:00(\.0+)?([+-]\d\d(:\d\d)?|Z)?$/, '')
    : filled(value)

const ssnLast4 = (value: string | null) =>
  value !== null && /^[1-9]\d{3}$/.test(value) ? Number(value) : text(value)

/** A column of JSON, which may also come as a text that holds it. */
function column(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return filled(value)
  try {
    return filled(JSON.parse(value))
  } catch {
    return value
  }
}

function filled(value: unknown): unknown {
  if (typeof value === 'string') return value.trim() === '' ? undefined : value
  if (typeof value !== 'object') return value
  return value === null || isEmpty(value) ? undefined : value
}

/** One text alone is a list of one. */
function list(value: unknown): unknown {
  const read = column(value)
  if (typeof read === 'string') return [read]
  return Array.isArray(read) ? filled(read.filter((item) => filled(item) !== undefined)) : read
}

function locations(value: unknown): unknown {
  const read = list(value)
  return Array.isArray(read)
    ? read.map((location) => (isObject(location) ? filledFields(location, Object.keys(location)) : location))
    : read
}

function address(value: unknown): unknown {
  const read = column(value)
  return isObject(read) ? filled(filledFields(read, Object.keys(Address.properties))) : read
}

function filledFields(fields: Json, keys: string[]): Json {
  const made: Json = {}
  for (const key of keys) put(made, key, filled(fields[key] ?? null))
  return made
}

/** Tratta's other days are in lower case (`1st`, `last_day`), so weekdays are too. */
function paymentPlan(value: unknown): unknown {
  const read = column(value)
  return isObject(read) && typeof read.recurring_day === 'string'
    ? { ...read, recurring_day: read.recurring_day.toLowerCase() }
    : read
}

/** Numbers and booleans become the texts that stand for them: Tratta's metadata is texts. */
function metadata(value: unknown): unknown {
  const read = column(value)
  if (!isObject(read)) return read
  const made: Json = {}
  for (const key of Object.keys(read)) {
    const item = read[key]
    const isPlain = typeof item === 'boolean' || typeof item === 'number'
    put(made, key, isPlain ? String(item) : filled(item))
  }
  return filled(made)
}
