/**
 * Validates a row against the contract, after the payload builder of the lookup. A row that passes is stored as
 * the lookup would send it.
 */
import { type TObject, Type } from '@sinclair/typebox'
import { TypeCompiler } from '@sinclair/typebox/compiler'
import { Address, Customer, DebtAccount, FurtherLocation, Location, PaymentPlan } from '../../contract.ts'
import type { DebtAccountRow } from '../../database/account-row.ts'
import { isObject, isWrittenNumber, type Json } from '../../json.ts'
import type { OmittedField, Path } from '../../payload/omit-invalid-fields.ts'
import { customer, debtAccount, location } from '../../payload/resources.ts'
import type { ImportRow, RowPart } from '../import-row.ts'
import { fieldError, invalidValue, omittedError, type RowError } from '../row-error.ts'
import { type EncodedRow, encodeRow } from '../stage/copy-encoding.ts'
import { schemaErrors, type Validator } from './schema-errors.ts'

const ACCOUNT = TypeCompiler.Compile(DebtAccount)
const REFERENCE = TypeCompiler.Compile(Type.Pick(Customer, ['external_id']))
const CUSTOMER = { name: 'customer', contract: TypeCompiler.Compile(Customer), build: customer } as const
const LOCATION = { name: 'location', contract: TypeCompiler.Compile(Location), build: location } as const

const PLAN_PATH = ['debt_account', 'payment_plan']
const AMOUNT_PATH = [...PLAN_PATH, 'amount']
/** The check constraint of the column allows fifteen digits. */
const MAX_INSTALLMENT = 999_999_999_999_999

export interface ValidRow {
  accounts: EncodedRow[]
  customer?: EncodedRow
  location?: EncodedRow
  references: { resource: 'customer' | 'location'; external_id: string }[]
}

/** @returns undefined when the row has errors, which are added to it */
export function validateRow(row: ImportRow): ValidRow | undefined {
  const accounts = row.accounts.map(({ values }) => validateAccount(values, row.errors))
  const parts = [
    row.customer && validatePart(CUSTOMER, row.customer, row.errors),
    row.location && validatePart(LOCATION, row.location, row.errors),
  ]
  if (row.errors.length > 0) return undefined

  const valid: ValidRow = {
    accounts: accounts.map((account, at) => encodeRow('debt_accounts', row.accounts[at]!.columns, account)),
    references: [],
  }
  for (const [at, resource] of (['customer', 'location'] as const).entries()) {
    const encoded = parts[at]
    if (!encoded) continue
    if (row[resource]!.isReference) valid.references.push({ resource, external_id: encoded.external_id })
    else valid[resource] = encoded
  }
  return valid
}

interface PartColumns {
  additional_fields: unknown
  /** Customers only. */
  address?: unknown
}

interface Resource<Values> {
  name: 'customer' | 'location'
  contract: Validator
  build(values: Values, omitted: OmittedField[]): Json
}

function validatePart<Values extends PartColumns>(
  { name, contract, build }: Resource<Values>,
  part: RowPart<Values>,
  errors: RowError[],
): EncodedRow | undefined {
  if (part.encoded) return part.encoded
  const errorsBefore = errors.length
  const omitted: OmittedField[] = []
  const resource = build(part.values, omitted)
  addErrors(errors, omitted, schemaErrors(resource, part.isReference ? REFERENCE : contract, [name]))
  checkLineSeparators(errors, name, 'external_id', resource.external_id)
  checkKeys(errors, part.values.address, Address, [name, 'address'])
  if (errors.length > errorsBefore) return undefined
  resource.additional_fields = part.values.additional_fields
  part.encoded = encodeRow(`${name}s`, part.columns, resource)
  return part.encoded
}

function validateAccount(values: DebtAccountRow, errors: RowError[]): Json {
  const omitted: OmittedField[] = []
  const account = debtAccount(values, ['debt_account'], omitted)
  const plan = values.payment_plan
  checkKeys(errors, plan, PaymentPlan, PLAN_PATH)
  if (Array.isArray(values.locations))
    for (const [at, item] of values.locations.entries())
      checkKeys(errors, item, FurtherLocation, ['debt_account', 'locations', at])
  // 150.00 in a file can be dollars.
  if (isObject(plan) && isWrittenNumber(plan.amount))
    errors.push(invalidValue(AMOUNT_PATH, `must be ${PaymentPlan.properties.amount.description}`))
  addErrors(errors, omitted, schemaErrors(account, ACCOUNT, ['debt_account']))
  checkLineSeparators(errors, 'debt_account', 'external_id', account.external_id)
  checkLineSeparators(errors, 'debt_account', 'parent_external_id', account.parent_external_id)
  if (account.parent_external_id !== undefined && account.parent_external_id === account.external_id)
    errors.push(fieldError(['debt_account', 'parent_external_id'], { code: 'own_parent' }))
  if (isObject(account.payment_plan) && Number(account.payment_plan.amount) > MAX_INSTALLMENT)
    errors.push(invalidValue(AMOUNT_PATH, `must be at most ${MAX_INSTALLMENT} cents`))
  return Object.assign(account, {
    // As digits: the payload has numbers.
    balance: values.balance,
    current_balance: values.current_balance,
    customer_external_id: values.customer_external_id,
    location_external_id: values.location_external_id,
    additional_fields: values.additional_fields,
  })
}

/** The lookup would not send an unknown key, so a typing error would remain unnoticed. */
function checkKeys(errors: RowError[], value: unknown, { properties }: TObject, path: Path) {
  if (!isObject(value)) return
  for (const key of Object.keys(value))
    if (!Object.hasOwn(properties, key))
      errors.push(
        fieldError([...path, key], { code: 'unknown_field', known: Object.keys(properties).join(', ') }),
      )
}

/** A field whose cell could not be read is missing in the resource. That is not a second error. */
function addErrors(errors: RowError[], omitted: OmittedField[], ofContract: RowError[]) {
  if (omitted.length + ofContract.length === 0) return
  const known = new Set(errors.map(({ field }) => field))
  errors.push(...omitted.map(omittedError), ...ofContract.filter(({ field }) => !known.has(field)))
}

/** Postgres treats line separators as control characters. The contract does not. */
function checkLineSeparators(errors: RowError[], resource: string, column: string, id: unknown) {
  if (typeof id === 'string' && /[\u2028\u2029]/.test(id))
    errors.push(invalidValue([resource, column], 'must be an identifier without line separators'))
}
