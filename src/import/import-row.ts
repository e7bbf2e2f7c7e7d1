/** One row of a file in any format: accounts with their customer and their location. */
import type { CustomerRow, DebtAccountRow, LocationRow } from '../database/account-row.ts'
import { COLUMNS, CUSTOMER, LOCATION } from '../database/columns.ts'
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

const emptyRow = <Row>(columns: Record<keyof Row & string, unknown>) =>
  Object.fromEntries(Object.keys(columns).map((column) => [column, null])) as Row

const EMPTY_ACCOUNT = emptyRow<DebtAccountRow>(COLUMNS.debt_accounts)
const EMPTY_CUSTOMER = emptyRow<CustomerRow>(CUSTOMER)
const EMPTY_LOCATION = emptyRow<LocationRow>(LOCATION)

export const emptyAccount = (): DebtAccountRow => ({ ...EMPTY_ACCOUNT })
export const emptyCustomer = (): CustomerRow => ({ ...EMPTY_CUSTOMER })
export const emptyLocation = (): LocationRow => ({ ...EMPTY_LOCATION })
