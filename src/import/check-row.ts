/**
 * A row against the contract, by the code that makes the lookup's answer: what Tratta would refuse is a fault,
 * and what passes is stored as it would be sent.
 */
import { type TObject, type TSchema, Type } from '@sinclair/typebox'
import { TypeCompiler } from '@sinclair/typebox/compiler'
import { Address, Customer, DebtAccount, FurtherLocation, Location, PaymentPlan } from '../contract.ts'
import type { CustomerRow, DebtAccountRow, LocationRow } from '../database/account-row.ts'
import { isObject, isWrittenNumber } from '../json.ts'
import type { OmittedField, Path } from '../omit-invalid-fields.ts'
import { customer, debtAccount, location } from '../resources.ts'
import { type CopiedRow, copiedRow } from './copied-row.ts'
import { type Fault, faultAt, faultsOf } from './faults.ts'
import type { Given, ImportRow } from './import-row.ts'

const ACCOUNT = TypeCompiler.Compile(DebtAccount as TSchema)
const CUSTOMER = TypeCompiler.Compile(Customer as TSchema)
const LOCATION = TypeCompiler.Compile(Location as TSchema)
const REFERENCE = TypeCompiler.Compile(Type.Pick(Customer, ['external_id']) as TSchema)

export interface CheckedRow {
  accounts: CopiedRow[]
  customer?: CopiedRow
  location?: CopiedRow
  /** Named without saying more. */
  references: { of: 'customer' | 'location'; external_id: string }[]
}

type Made = Record<string, unknown>

/** @returns nothing when the row has faults; they are added to it */
export function checkRow(row: ImportRow): CheckedRow | undefined {
  const accounts = row.accounts.map((account) => madeAccount(account.row, row.faults))
  const madeCustomer = row.customer && checkPart('customer', row.customer, row.faults)
  const madeLocation = row.location && checkPart('location', row.location, row.faults)
  if (row.faults.length > 0) return undefined

  const checked: CheckedRow = {
    accounts: accounts.map((made, at) => copiedRow('debt_accounts', row.accounts[at]!.columns, made)),
    references: [],
  }
  if (madeCustomer) {
    if (row.customer!.isReference)
      checked.references.push({ of: 'customer', external_id: madeCustomer.external_id })
    else checked.customer = madeCustomer
  }
  if (madeLocation) {
    if (row.location!.isReference)
      checked.references.push({ of: 'location', external_id: madeLocation.external_id })
    else checked.location = madeLocation
  }
  return checked
}

function checkPart(
  name: 'customer' | 'location',
  part: Given<CustomerRow> | Given<LocationRow>,
  faults: Fault[],
): CopiedRow | undefined {
  // The same part may stand on many rows.
  if (part.checked) return part.checked
  const before = faults.length
  const omitted: OmittedField[] = []
  const made =
    name === 'customer'
      ? customer(part.row as CustomerRow, omitted)
      : location(part.row as LocationRow, omitted)
  const contract = part.isReference ? REFERENCE : name === 'customer' ? CUSTOMER : LOCATION
  addFaults(faults, omitted, faultsOf(made, contract, [name]))
  addIdFault(faults, name, 'external_id', made.external_id)
  if (name === 'customer')
    addUndeclared(faults, (part.row as CustomerRow).address, Address, ['customer', 'address'])
  if (faults.length > before) return undefined
  // The lookup sends most of them as a number.
  if (made.ssn_last4 !== undefined) made.ssn_last4 = String(made.ssn_last4)
  made.additional_fields = part.row.additional_fields
  const copied = copiedRow(name === 'customer' ? 'customers' : 'locations', part.columns, made)
  part.checked = copied
  return copied
}

function madeAccount(row: DebtAccountRow, faults: Fault[]): Made {
  const omitted: OmittedField[] = []
  const made = debtAccount(row, ['debt_account'], omitted)
  addUndeclared(faults, row.payment_plan, PaymentPlan, ['debt_account', 'payment_plan'])
  if (Array.isArray(row.locations))
    for (const [at, item] of row.locations.entries())
      addUndeclared(faults, item, FurtherLocation, ['debt_account', 'locations', at])
  // 150.00 in a file may be dollars.
  if (isObject(row.payment_plan) && isWrittenNumber(row.payment_plan.amount))
    faults.push(
      faultAt(
        ['debt_account', 'payment_plan', 'amount'],
        `must be ${PaymentPlan.properties.amount.description}`,
      ),
    )
  addFaults(faults, omitted, faultsOf(made, ACCOUNT, ['debt_account']))
  addIdFault(faults, 'debt_account', 'external_id', made.external_id)
  addIdFault(faults, 'debt_account', 'parent_external_id', made.parent_external_id)
  if (made.parent_external_id !== undefined && made.parent_external_id === made.external_id)
    faults.push(faultAt(['debt_account', 'parent_external_id'], 'must not be the account itself'))
  if (Number((made.payment_plan as Made | undefined)?.amount) > MOST_INSTALMENT)
    faults.push(
      faultAt(['debt_account', 'payment_plan', 'amount'], `must be at most ${MOST_INSTALMENT} cents`),
    )
  return Object.assign(made, {
    // The digits that were written: they never were a float.
    balance: row.balance,
    current_balance: row.current_balance,
    customer_external_id: row.customer_external_id,
    location_external_id: row.location_external_id,
    additional_fields: row.additional_fields,
  })
}

/** Fifteen digits: the column's check takes no more. */
const MOST_INSTALMENT = 999_999_999_999_999

/** The lookup would not send these keys, so a typing error would go unnoticed. */
function addUndeclared(faults: Fault[], value: unknown, { properties }: TObject, path: Path) {
  if (!isObject(value)) return
  for (const key of Object.keys(value))
    if (!Object.hasOwn(properties, key))
      faults.push(faultAt([...path, key], `is not known: it has ${Object.keys(properties).join(', ')}`))
}

/** What was at fault when it was read is missing now: that is no second fault. */
function addFaults(faults: Fault[], omitted: OmittedField[], ofContract: Fault[]) {
  if (omitted.length + ofContract.length === 0) return
  const known = new Set(faults.map(({ field }) => field))
  for (const { field, kind, reason } of omitted)
    faults.push({ what: `${field} ${reason}`, kind: `${kind} ${reason}`, field })
  for (const fault of ofContract) if (!known.has(fault.field)) faults.push(fault)
}

/** Postgres counts these as control characters, as the contract does not. */
function addIdFault(faults: Fault[], of: string, column: string, id: unknown) {
  if (typeof id === 'string' && /[\u2028\u2029]/.test(id))
    faults.push(faultAt([of, column], 'must be an identifier without line separators'))
}
