/**
 * Validates a row against the contract, after the payload builder of the lookup. A row that passes is stored as
 * the lookup would send it: without the optional fields that Tratta would reject.
 */
import { Type } from '@sinclair/typebox'
import { Address, Customer, DebtAccount, FurtherLocation, Location } from '../../contract.ts'
import type { DebtAccountRow } from '../../database/account-row.ts'
import { isObject, type Json } from '../../json.ts'
import {
  type OmittedField,
  omitInvalidFields,
  type Path,
  type ResourceContract,
  resourceContract,
  runToEnd,
} from '../../payload/omit-invalid-fields.ts'
import { customer, debtAccount, location } from '../../payload/resources.ts'
import type { ImportRow, RowPart } from '../import-row.ts'
import { fieldError, omittedError, type RowError } from '../row-error.ts'
import { type EncodedRow, encodeRow } from '../stage/copy-encoding.ts'
import { checkId, checkKeys, checkPlan, checkSuspiciousFields } from './check-fields.ts'
import { isRequired } from './required-fields.ts'
import { schemaErrors } from './schema-errors.ts'

const ACCOUNT = resourceContract(DebtAccount)
const REFERENCE = resourceContract(Type.Pick(Customer, ['external_id']))
const CUSTOMER = { name: 'customer', contract: resourceContract(Customer), build: customer } as const
const LOCATION = { name: 'location', contract: resourceContract(Location), build: location } as const

export interface RowRules {
  /** Rejects a row with an optional value that Tratta would reject, instead of omitting the value. */
  strict: boolean
  allowSuspicious: boolean
}

interface Reference {
  resource: 'customer' | 'location'
  external_id: string
  /** The row has no name: if there is no such resource, the account is loaded without it. */
  isOptional: boolean
}

export interface ValidRow {
  accounts: EncodedRow[]
  customer?: EncodedRow
  location?: EncodedRow
  references: Reference[]
  /** The optional values that are not loaded. */
  omitted: RowError[]
}

/** @returns undefined when the row is rejected: it then has errors */
export function validateRow(row: ImportRow, rules: RowRules): ValidRow | undefined {
  const { errors } = row
  const accounts = row.accounts.map(({ values }) => validateAccount(values, errors, rules))
  const valid: ValidRow = { accounts: [], references: [], omitted: [] }
  if (row.customer) addPart(valid, CUSTOMER, row.customer, row, rules)
  if (row.location) addPart(valid, LOCATION, row.location, row, rules)
  if (errors.length > 0) {
    const isOfAccount = accounts.length > 0
    const fatal = rules.strict ? errors : errors.filter((error) => isRequired(error, isOfAccount))
    if (fatal.length > 0) {
      row.errors = fatal
      return undefined
    }
    valid.omitted.push(...errors)
  }
  valid.accounts = accounts.map((account, at) =>
    encodeRow('debt_accounts', row.accounts[at]!.columns, account),
  )
  return valid
}

interface PartColumns {
  external_id: string | null
  name: string | null
  additional_fields: unknown
  /** Customers only. */
  address?: unknown
}

interface Resource<Values> {
  name: 'customer' | 'location'
  contract: ResourceContract
  build(values: Values, omitted: OmittedField[]): Json
}

/** A customer or location without id or name is omitted if the row has an account, as in the lookup. */
function addPart<Values extends PartColumns>(
  valid: ValidRow,
  resource: Resource<Values>,
  part: RowPart<Values>,
  { accounts, errors }: ImportRow,
  rules: RowRules,
) {
  const { name } = resource
  const isComplete = part.isReference || rules.strict || accounts.length === 0
  if (!isComplete && !part.values.external_id?.trim()) {
    errors.push(fieldError([name], { code: 'without_id' }))
    return
  }
  const isOptional = !isComplete && !part.values.name?.trim()
  const isReference = part.isReference || isOptional
  const encoded = part.encoded ?? encodePart(resource, part, isReference, errors, rules)
  if (!encoded) return
  if (isReference) valid.references.push({ resource: name, external_id: encoded.external_id, isOptional })
  else valid[name] = encoded
}

/** @returns undefined when the part has errors that reject the row */
function encodePart<Values extends PartColumns>(
  { name, contract, build }: Resource<Values>,
  part: RowPart<Values>,
  isReference: boolean,
  errors: RowError[],
  rules: RowRules,
): EncodedRow | undefined {
  const errorsBefore = errors.length
  const omitted: OmittedField[] = []
  const resource = build(part.values, omitted)
  errors.push(...omitted.map(omittedError))
  validateResource(resource, isReference ? REFERENCE : contract, [name], errors, rules)
  checkId(errors, [name, 'external_id'], resource.external_id, rules.allowSuspicious)
  if (!rules.allowSuspicious) checkSuspiciousFields(resource, name, errors)
  checkKeys(errors, part.values.address, Address, [name, 'address'])
  if (errors.slice(errorsBefore).some((error) => rules.strict || isRequired(error, false))) return undefined
  resource.additional_fields = isObject(part.values.additional_fields) ? part.values.additional_fields : null
  part.encoded = encodeRow(`${name}s`, part.columns, resource)
  return part.encoded
}

function validateAccount(values: DebtAccountRow, errors: RowError[], rules: RowRules): Json {
  const omitted: OmittedField[] = []
  const account = debtAccount(values, ['debt_account'], omitted)
  errors.push(...omitted.map(omittedError))
  checkPlan(values.payment_plan, account, errors)
  if (Array.isArray(values.locations))
    for (const [at, item] of values.locations.entries())
      checkKeys(errors, item, FurtherLocation, ['debt_account', 'locations', at])
  validateResource(account, ACCOUNT, ['debt_account'], errors, rules)
  checkId(errors, ['debt_account', 'external_id'], account.external_id, rules.allowSuspicious)
  const parent = account.parent_external_id
  if (parent !== undefined) {
    checkId(errors, ['debt_account', 'parent_external_id'], parent, rules.allowSuspicious)
    if (parent === account.external_id)
      errors.push(fieldError(['debt_account', 'parent_external_id'], { code: 'own_parent' }))
  }
  return Object.assign(account, {
    // As digits: the payload has numbers.
    balance: values.balance,
    current_balance: values.current_balance,
    customer_external_id: values.customer_external_id,
    location_external_id: values.location_external_id,
    additional_fields: isObject(values.additional_fields) ? values.additional_fields : null,
  })
}

/**
 * Adds the errors of the contract. Omits the invalid optional fields, unless the row is rejected anyway.
 */
function validateResource(
  resource: Json,
  contract: ResourceContract,
  path: Path,
  errors: RowError[],
  { strict }: RowRules,
) {
  const found = schemaErrors(resource, contract.whole, path)
  if (found.length === 0) return
  // A field whose cell could not be read is missing in the resource. That is not a second error.
  const knownBefore = new Set(errors.map(({ field }) => field))
  const fatal = strict ? found : found.filter((error) => isRequired(error, false))
  if (fatal.length > 0) {
    errors.push(...fatal.filter(({ field }) => !knownBefore.has(field)))
    return
  }
  const omitted: OmittedField[] = []
  const known = new Set(knownBefore)
  runToEnd(omitInvalidFields(resource, contract, path, omitted))
  for (const { field } of omitted) known.add(field)
  // An object without its invalid fields can be empty or incomplete, and is then omitted too.
  const isConsequence = (field: string) => [...known].some((one) => one?.startsWith(`${field}.`))
  errors.push(
    ...omitted.filter(({ field }) => !knownBefore.has(field) && !isConsequence(field)).map(omittedError),
  )
}
