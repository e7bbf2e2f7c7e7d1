import { isObject } from '../json.ts'
import { takeBulkAccounts } from './bulk-accounts.ts'
import { drawRefusal } from './draw-refusal.ts'
import { checkShape, isBlank, prohibited } from './field-rules.ts'
import type { DebtAccount, Sent, WritableHoldings } from './holdings.ts'
import { customerShape, locationShape } from './resource-rules.ts'
import type { SimulatorSettings } from './settings.ts'
import { addFault, type Faults, lines } from './wording.ts'

/** Messages by field, relative to the resource. */
export type Messages = Record<string, string[]>

export interface AccountErrors {
  data: unknown
  messages: Messages
}

/** `errors` of a row in the answer of GET /bulk/{id}/errors (bulk.txt, Errors). */
export interface RowErrors {
  /** An empty list when there are none: so the page shows it, and so PHP writes an empty map. */
  customer: Messages | []
  location: Messages | []
  /** Only if the row has some. */
  parent_debt_accounts?: AccountErrors[]
  debt_accounts: AccountErrors[]
}

/** Customer and location of the accounts of one row; nothing of it is created without `links`. */
export interface RowContext {
  holdings: WritableHoldings
  settings: SimulatorSettings
  links: Pick<DebtAccount, 'customer_id' | 'location_id'> | undefined
  /** What is refused at will. */
  unwanted: unknown
  /** External ids of the accounts of this row that are in order. */
  passed: Set<string>
  /** uuids of what this row created. */
  created: string[]
}

/**
 * Judges one row of a bulk action and creates what is in order: each account alone, but nothing if the
 * customer or the location is at fault. Gives the errors, or undefined if there are none.
 */
export function takeBulkRow(
  row: unknown,
  holdings: WritableHoldings,
  settings: SimulatorSettings,
): RowErrors | undefined {
  const sent = isObject(row) ? row : {}
  const unwanted = drawRefusal(sent, settings)
  const customer = checkCustomer(sent.customer, holdings, settings, unwanted)
  const location = checkLocation(sent.location, holdings)
  const links = customer.size + location.size === 0 ? saveOwners(sent, holdings) : undefined
  const context: RowContext = { holdings, settings, links, unwanted, passed: new Set(), created: [] }

  const parents = takeBulkAccounts(sent.parent_debt_accounts, 'parent_debt_accounts', context)
  const accounts = takeBulkAccounts(sent.debt_accounts, 'debt_accounts', context)
  holdings.recalculate()
  // only now: the sums had still to be written into them
  for (const uuid of context.created) holdings.debtAccounts.pack(uuid)
  if (links && parents.length + accounts.length === 0) return undefined
  return {
    customer: messagesOf(customer),
    location: messagesOf(location),
    ...(sent.parent_debt_accounts !== undefined && { parent_debt_accounts: parents }),
    debt_accounts: accounts,
  }
}

function checkCustomer(
  sent: unknown,
  holdings: WritableHoldings,
  settings: SimulatorSettings,
  unwanted: unknown,
): Faults {
  const faults: Faults = new Map()
  if (!isObject(sent)) {
    addFault(faults, 'customer', isBlank(sent) ? lines.required : lines.array)
    return faults
  }
  checkShape(sent, '', customerShape, faults)
  if (sent.uuid !== undefined) prohibited(sent.uuid, 'uuid', faults)
  if (isHeld(sent, holdings)) {
    if (settings.existingCustomers === 'refuse') addFault(faults, 'external_id', lines.taken)
  } else if (sent === unwanted) addFault(faults, 'name', lines.format)
  return faults
}

const isHeld = (sent: Sent, { customers }: WritableHoldings) =>
  typeof sent.external_id === 'string' && customers.has(sent.external_id)

function checkLocation(sent: unknown, holdings: WritableHoldings): Faults {
  const faults: Faults = new Map()
  if (sent === undefined) return faults
  if (!isObject(sent)) {
    addFault(faults, 'location', lines.array)
    return faults
  }
  checkShape(sent, '', locationShape, faults)
  if (sent.uuid !== undefined) prohibited(sent.uuid, 'uuid', faults)
  const identified = typeof sent.external_id === 'string'
  const held = identified && holdings.locations.has(sent.external_id as string)
  if (identified && !held && holdings.locationNamed(sent) !== undefined) addFault(faults, 'name', lines.taken)
  return faults
}

/** Bulk creates: a customer or location that is held stays as it is. */
function saveOwners(row: Sent, holdings: WritableHoldings): NonNullable<RowContext['links']> {
  const { customers, locations } = holdings
  const customer = row.customer as Sent
  let customerId = isHeld(customer, holdings) ? customers.uuidOf(customer.external_id as string) : undefined
  if (customerId === undefined) {
    customerId = holdings.saveCustomer(customer).uuid
    customers.pack(customerId)
  }
  if (row.location === undefined) return { customer_id: customerId }
  const location = row.location as Sent
  let locationId =
    location.external_id === undefined
      ? holdings.locationNamed(location)
      : locations.uuidOf(location.external_id as string)
  if (locationId === undefined) {
    locationId = holdings.saveLocation(location).uuid
    locations.pack(locationId)
  }
  return { customer_id: customerId, location_id: locationId }
}

const messagesOf = (faults: Faults): Messages | [] => (faults.size === 0 ? [] : Object.fromEntries(faults))
