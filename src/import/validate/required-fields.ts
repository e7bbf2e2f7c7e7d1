import { Customer, DebtAccount, Location } from '../../contract.ts'
import type { RowError } from '../row-error.ts'

/** The fields without which Tratta would have a wrong amount or a wrong family. Other fields can be omitted. */
const REQUIRED: Record<string, string[]> = {
  customer: Customer.required ?? [],
  location: Location.required ?? [],
}

const OF_ACCOUNT = [
  ...(DebtAccount.required ?? []),
  ...Object.entries(DebtAccount.properties).flatMap(([name, field]) => (field.neverOmitted ? [name] : [])),
  'customer_external_id',
  'location_external_id',
]

/**
 * Whether an error rejects the row.
 * @param isNameOptional the row has an account, which can be loaded without its customer or location
 */
export function isRequired({ fieldKind, reason }: RowError, isNameOptional: boolean): boolean {
  if (reason.code === 'without_id') return false
  const [resource = '', column] = fieldKind?.split(/[.[]/) ?? []
  if (column === undefined) return true
  if (column === 'name' && isNameOptional && resource !== 'debt_account') return false
  // JSON files name the lists of accounts too.
  return (REQUIRED[resource] ?? (resource.includes('debt_account') ? OF_ACCOUNT : [column])).includes(column)
}
