/** The columns of `debt_accounts`, `customers` and `locations` that the service reads. docs/data.md documents them. */
import { Customer, DebtAccount, Location } from '../contract.ts'

/** How a column is read. The kind determines which types are readable. */
export type Kind = 'identifier' | 'text' | 'cents' | 'date' | 'json' | 'list'

export const DEBT_ACCOUNT = {
  external_id: 'identifier',
  parent_external_id: 'identifier',
  external_account_number: 'text',
  billing_type: 'list',
  balance: 'cents',
  current_balance: 'cents',
  locations: 'list',
  payment_plan: 'json',
  metadata: 'json',
  additional_fields: 'json',
} as const
export const CUSTOMER = {
  external_id: 'identifier',
  name: 'text',
  email: 'text',
  phone: 'text',
  date_of_birth: 'date',
  ssn_last4: 'text',
  address: 'json',
  metadata: 'json',
  additional_fields: 'json',
} as const
export const LOCATION = {
  external_id: 'identifier',
  name: 'text',
  type: 'text',
  metadata: 'json',
  additional_fields: 'json',
} as const

/** The columns that the service reads. */
export const COLUMNS = {
  debt_accounts: {
    ...DEBT_ACCOUNT,
    customer_external_id: 'identifier',
    location_external_id: 'identifier',
  },
  customers: CUSTOMER,
  locations: LOCATION,
} as const

export type RelationName = keyof typeof COLUMNS
export const RELATION_NAMES = Object.keys(COLUMNS) as RelationName[]

/** The columns that the contract requires. */
export const REQUIRED: Record<RelationName, string[]> = {
  debt_accounts: DebtAccount.required ?? [],
  customers: Customer.required ?? [],
  locations: Location.required ?? [],
}
