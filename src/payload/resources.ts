/** Builds Tratta's resources from the rows of the database. The result is not validated yet. */

import { Customer, DebtAccount, Location } from '../contract.ts'
import type {
  CustomerRow,
  DebtAccountFields,
  DebtAccountRow,
  FurtherLocationRow,
  LocationRow,
} from '../database/account-row.ts'
import { isObject, type Json } from '../json.ts'
import {
  address,
  cents,
  date,
  emptyToUndefined,
  json,
  list,
  locations,
  metadata,
  paymentPlan,
  put,
  type SsnLast4Format,
  ssnLast4,
  text,
} from './column-values.ts'
import { type OmittedField, omittedField, type Path } from './omit-invalid-fields.ts'

export function debtAccount(row: DebtAccountFields, at: Path, omitted: OmittedField[]): Json {
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

/**
 * Builds a child of a parent. A payload and a row of Bulk have one location, the parent's, so a child's own
 * location is added to its `locations` ("Debt account", locations).
 * @param ownLocation rows with the child's location_external_id; more than one when a view has duplicates
 */
export function childDebtAccount(
  row: DebtAccountRow,
  parent: DebtAccountRow,
  ownLocation: FurtherLocationRow[],
  at: Path,
  omitted: OmittedField[],
): Json {
  const account = debtAccount(row, at, omitted)
  const id = row.location_external_id
  if (id === null || id === parent.location_external_id || ownLocation.length === 0) return account
  const given = account.locations ?? []
  if (!Array.isArray(given) || given.some((one) => one?.external_id === id)) return account
  if (ownLocation.length > 1) {
    omitted.push(omittedField([...at, 'locations'], 'its own location exists twice'))
    return account
  }
  const own: Json = {}
  put(own, 'external_id', text(ownLocation[0]!.external_id))
  put(own, 'name', text(ownLocation[0]!.name))
  put(own, 'type', text(ownLocation[0]!.type))
  account.locations = [...given, own]
  return account
}

export function customer(row: CustomerRow, omitted: OmittedField[], format: SsnLast4Format = 'any'): Json {
  const made: Json = {}
  put(made, 'external_id', text(row.external_id))
  put(made, 'name', text(row.name))
  put(made, 'email', text(row.email))
  put(made, 'phone', text(row.phone))
  put(made, 'date_of_birth', date(row.date_of_birth))
  const last4 = ssnLast4(row.ssn_last4, format)
  if (format === 'number' && typeof last4 === 'string' && /^0\d{3}$/.test(last4))
    omitted.push(
      omittedField(['customer', 'ssn_last4'], 'must be a number, which would lose its leading zero'),
    )
  else put(made, 'ssn_last4', last4)
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

/** Adds the `additional_fields`. A field that has a column is only read from that column. */
function putAdditional(target: Json, value: unknown, own: Json, at: Path, omitted: OmittedField[]) {
  const fields = json(value)
  if (fields === undefined) return
  if (!isObject(fields)) {
    omitted.push(omittedField([...at, 'additional_fields'], 'must be an object'))
    return
  }
  for (const [key, field] of Object.entries(fields)) {
    if (Object.hasOwn(own, key) || key === '__proto__')
      omitted.push(omittedField([...at, 'additional_fields', key], 'must come from its own column'))
    else put(target, key, emptyToUndefined(field))
  }
}
