/**
 * A row of a file, whatever the file's form: accounts with the customer and the location that they belong to.
 * What is not in the row stays in the tables as it is, so a row tells which columns it gives.
 */
import type { CustomerRow, DebtAccountRow, LocationRow } from '../database/account-row.ts'
import type { CopiedRow } from './copied-row.ts'
import type { Fault } from './faults.ts'

export interface Given<Row> {
  row: Row
  /** Columns of its table. */
  columns: ReadonlySet<string>
  /** Only named by its external_id: it must be in the file or in the tables already. */
  isReference?: boolean
  /** Once it was found to be in order. */
  checked?: CopiedRow
}

export interface ImportRow {
  accounts: Given<DebtAccountRow>[]
  customer?: Given<CustomerRow>
  location?: Given<LocationRow>
  faults: Fault[]
  /** For people to find it by. */
  externalId: string | null
}

export const emptyAccount = (): DebtAccountRow => ({
  external_id: null,
  parent_external_id: null,
  external_account_number: null,
  billing_type: null,
  balance: null,
  current_balance: null,
  locations: null,
  payment_plan: null,
  metadata: null,
  additional_fields: null,
  customer_external_id: null,
  location_external_id: null,
})

export const emptyCustomer = (): CustomerRow => ({
  external_id: null,
  name: null,
  email: null,
  phone: null,
  date_of_birth: null,
  ssn_last4: null,
  address: null,
  metadata: null,
  additional_fields: null,
})

export const emptyLocation = (): LocationRow => ({
  external_id: null,
  name: null,
  type: null,
  metadata: null,
  additional_fields: null,
})
