/** An account with what belongs to it, as the lookup reads it. */
import { parseExactly } from '../payload/exact-json.ts'
import { COLUMNS, CUSTOMER, type DEBT_ACCOUNT, type Kind, LOCATION } from './columns.ts'

type RowOf<Columns extends Record<string, Kind>> = {
  -readonly [Column in keyof Columns]: Columns[Column] extends 'identifier' | 'text' | 'cents'
    ? string | null
    : unknown
}

/** The columns that become fields of Tratta's debt account: money is cents written as text. */
export type DebtAccountFields = RowOf<typeof DEBT_ACCOUNT>
export type DebtAccountRow = RowOf<typeof COLUMNS.debt_accounts>
export type CustomerRow = RowOf<typeof CUSTOMER>
export type LocationRow = RowOf<typeof LOCATION>

/** The columns of a location that become fields of an item of `locations`. */
export const FURTHER_LOCATION = {
  external_id: LOCATION.external_id,
  name: LOCATION.name,
  type: LOCATION.type,
} as const
export type FurtherLocationRow = RowOf<typeof FURTHER_LOCATION>

export interface ChildRow {
  row: DebtAccountRow
  /** Rows with the child's location_external_id, where that is not the account's. */
  ownLocation: FurtherLocationRow[]
}

export interface AccountRow {
  debt_account: DebtAccountRow
  /** The customer_external_id of the account's parent: one, unless a view has the parent twice. */
  parentCustomers: (string | null)[]
  customer: CustomerRow | null
  location: LocationRow | null
  children: ChildRow[] | undefined
}

/** Reads what rowOf writes. */
function rowReader<Columns extends Record<string, Kind>>(columns: Columns) {
  const names = Object.keys(columns)
  return (values: unknown[]): RowOf<Columns> => {
    const row: Record<string, unknown> = {}
    for (let at = 0; at < names.length; at++) row[names[at]!] = values[at]
    return row as RowOf<Columns>
  }
}

export const readDebtAccount: (values: unknown[]) => DebtAccountRow = rowReader(COLUMNS.debt_accounts)
export const readCustomer: (values: unknown[]) => CustomerRow = rowReader(CUSTOMER)
export const readLocation: (values: unknown[]) => LocationRow = rowReader(LOCATION)
const readFurtherLocation: (values: unknown[]) => FurtherLocationRow = rowReader(FURTHER_LOCATION)

type AccountValues = [
  unknown[],
  (string | null)[] | null,
  unknown[] | null,
  unknown[] | null,
  [unknown[], unknown[][] | null][] | null,
]

/** @param account the JSON that lookupSql selects */
export function readAccount(account: string): AccountRow {
  const [debtAccount, parentCustomers, customer, location, children] = parseExactly(account) as AccountValues
  return {
    debt_account: readDebtAccount(debtAccount),
    parentCustomers: parentCustomers ?? [],
    customer: customer && readCustomer(customer),
    location: location && readLocation(location),
    children: children?.map(([row, ownLocation]) => ({
      row: readDebtAccount(row),
      ownLocation: ownLocation?.map(readFurtherLocation) ?? [],
    })),
  }
}
