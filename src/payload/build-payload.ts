/**
 * What Tratta gets for an account ("Just In Time", Respond to a JIT request), built from the row that the lookup
 * reads. An optional field that Tratta would reject is omitted, because a caller is waiting and Tratta would
 * reject the whole payload; a required field that cannot be sent is an error.
 */
import { ChildDebtAccount, Customer, DebtAccount, type JitPayload, Location } from '../contract.ts'
import type { AccountRow, DebtAccountRow } from '../database/account-row.ts'
import type { Json } from '../json.ts'
import type { SsnLast4Format } from './column-values.ts'
import {
  type OmittedField,
  omitInvalidFields,
  omittedField,
  type ResourceContract,
  resourceContract,
  runToEnd,
  UnsendableAccountError,
} from './omit-invalid-fields.ts'
import { childDebtAccount, customer, debtAccount, location } from './resources.ts'

interface BuiltPayload {
  payload: JitPayload
  omitted: OmittedField[]
}

const LOCATION = resourceContract(Location)
const CUSTOMER = resourceContract(Customer)
const ACCOUNT = resourceContract(DebtAccount)
const CHILD = resourceContract(ChildDebtAccount)

/** @throws {UnsendableAccountError} when a field that is never omitted cannot be sent */
export const buildPayload = (row: AccountRow, format?: SsnLast4Format): BuiltPayload =>
  runToEnd(buildPayloadSteps(row, format))

/**
 * The same in short steps: an account may have thousands of children, each with fields to omit.
 * @throws {UnsendableAccountError}
 */
export function* buildPayloadSteps(
  row: AccountRow,
  format: SsnLast4Format = 'any',
): Generator<undefined, BuiltPayload> {
  const omitted: OmittedField[] = []
  const { debt_account: account } = row
  if (row.parentCustomers.some((id) => id !== null && isAnotherCustomer(account.customer_external_id, id)))
    throw new UnsendableAccountError(ANOTHER_CUSTOMERS_PARENT)
  const data: Json = {}
  if (row.location !== null) {
    data.location = location(row.location, omitted)
    yield* omitInvalidResource(data, 'location', LOCATION, omitted)
  }
  if (row.customer !== null) {
    data.customer = customer(row.customer, omitted, format)
    yield* omitInvalidResource(data, 'customer', CUSTOMER, omitted)
  }
  const made = debtAccount(account, ['debt_account'], omitted)
  yield* omitInvalidFields(made, ACCOUNT, ['debt_account'], omitted)
  data.debt_account = made
  const children: Json[] = []
  for (const { row: child, ownLocation } of row.children ?? []) {
    if (isAnotherCustomer(child.customer_external_id, account.customer_external_id)) {
      omitted.push(omittedChild(child))
      continue
    }
    const at = ['child_debt_accounts', children.length]
    const made = childDebtAccount(child, account, ownLocation, at, omitted)
    yield* omitInvalidFields(made, CHILD, at, omitted)
    children.push(made)
    yield
  }
  if (children.length > 0) data.child_debt_accounts = children
  // Each part was checked.
  return { payload: { data } as unknown as JitPayload, omitted }
}

/** Omits all of an optional resource when a required field of it cannot be sent. */
export function* omitInvalidResource(
  data: Json,
  name: string,
  contract: ResourceContract,
  omitted: OmittedField[],
): Generator<undefined, void> {
  try {
    yield* omitInvalidFields(data[name] as Json, contract, [name], omitted)
  } catch (error) {
    if (!(error instanceof UnsendableAccountError)) throw error
    delete data[name]
    omitted.push(omittedField([name], `its ${error.message}`))
  }
}

/**
 * Whether an account names a customer other than the one that its family is sent with. An account that names
 * none belongs to its parent's customer. An account that names one is not sent in a family without a customer:
 * Tratta would choose the customer.
 */
export const isAnotherCustomer = (ofAccount: string | null, ofFamily: string | null) =>
  ofAccount !== null && ofAccount !== ofFamily

const ANOTHER_CUSTOMERS_PARENT = omittedField(
  ['debt_account', 'parent_external_id'],
  'refers to an account of another customer',
)

/** The external_id is for `lookup`; logs and metrics name the kind only. */
const omittedChild = ({ external_id }: DebtAccountRow): OmittedField => ({
  field: `child_debt_accounts[external_id=${external_id}]`,
  kind: 'child_debt_accounts[*]',
  reason: 'belongs to another customer',
})
