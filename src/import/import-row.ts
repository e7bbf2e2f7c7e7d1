/** One row of a file in any format: accounts with their customer and their location. */
import type { CustomerRow, DebtAccountRow, LocationRow } from '../database/account-row.ts'
import type { RowError } from './row-error.ts'
import type { EncodedRow } from './stage/copy-encoding.ts'

export interface RowPart<Values> {
  values: Values
  /** The columns that the file has. The merge does not change other columns. */
  columns: ReadonlySet<string>
  /** Has only an external_id: the resource must be in the file or in the database. */
  isReference?: boolean
  /** The result of a successful validation: several rows can share one part. */
  encoded?: EncodedRow
}

export interface ImportRow {
  accounts: RowPart<DebtAccountRow>[]
  customer?: RowPart<CustomerRow>
  location?: RowPart<LocationRow>
  errors: RowError[]
}

/** A row that cannot be read at all. */
export const unreadableRow = (error: RowError): ImportRow => ({ accounts: [], errors: [error] })

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
