import { type AccountErrors, type Messages, processAccounts, validateNew } from './bulk-accounts.ts'
import { isObject, type JsonObject } from './json.ts'
import { randomRejection } from './random.ts'
import { customerShape, isBlank, locationShape } from './resource-rules.ts'
import type { SimulatorSettings } from './settings.ts'
import type { AccountLinks, WritableStore } from './store.ts'
import { addError, messages, singleError, type ValidationErrors } from './validation-messages.ts'

/** `errors` of a row in the response of GET /bulk/{id}/errors (bulk.txt, Errors). */
export interface RowErrors {
  /** An empty list if there are none: bulk.txt shows it, and PHP encodes an empty map as a list. */
  customer: Messages | []
  location: Messages | []
  /** Only if the row has this list. */
  parent_debt_accounts?: AccountErrors[]
  debt_accounts: AccountErrors[]
}

/**
 * Validates one row of a bulk action and creates its valid resources. Each account is accepted or rejected by
 * itself; an invalid customer or location rejects the row.
 * @returns undefined if the row has no errors
 */
export function processBulkRow(
  row: unknown,
  store: WritableStore,
  settings: SimulatorSettings,
): RowErrors | undefined {
  const fields = isObject(row) ? row : {}
  const randomlyRejected = randomRejection(fields, settings)
  const customer = validateCustomer(fields.customer, store, settings, randomlyRejected)
  const location = validateLocation(fields.location, store)
  const links = customer.size + location.size === 0 ? createOwners(fields, store) : undefined
  const context = { store, settings, links, randomlyRejected, validIds: new Set<string>(), created: [] }

  const parents = processAccounts(fields.parent_debt_accounts, 'parent_debt_accounts', context)
  const accounts = processAccounts(fields.debt_accounts, 'debt_accounts', context)
  store.recalculateParents()
  // Not earlier: recalculation saves parents uncompressed.
  for (const uuid of context.created) store.debtAccounts.compress(uuid)
  if (links && parents.length + accounts.length === 0) return undefined
  return {
    customer: toMessages(customer),
    location: toMessages(location),
    ...(fields.parent_debt_accounts !== undefined && { parent_debt_accounts: parents }),
    debt_accounts: accounts,
  }
}

function validateCustomer(
  customer: unknown,
  store: WritableStore,
  settings: SimulatorSettings,
  randomlyRejected: unknown,
): ValidationErrors {
  if (!isObject(customer)) {
    return singleError('customer', isBlank(customer) ? messages.required : messages.array)
  }
  const errors = validateNew(customer, customerShape)
  if (isStoredCustomer(customer, store)) {
    if (settings.existingCustomers === 'reject') addError(errors, 'external_id', messages.taken)
  } else if (customer === randomlyRejected) addError(errors, 'name', messages.format)
  return errors
}

const isStoredCustomer = ({ external_id: id }: JsonObject, { customers }: WritableStore) =>
  typeof id === 'string' && customers.has(id)

function validateLocation(location: unknown, store: WritableStore): ValidationErrors {
  if (location === undefined) return new Map()
  if (!isObject(location)) return singleError('location', messages.array)
  const errors = validateNew(location, locationShape)
  const { external_id: id } = location
  const isNew = typeof id === 'string' && !store.locations.has(id)
  if (isNew && store.findLocationByName(location) !== undefined) addError(errors, 'name', messages.taken)
  return errors
}

/** Creates the customer and the location; stored ones are used unchanged. */
function createOwners(row: JsonObject, store: WritableStore): AccountLinks {
  const { customers, locations } = store
  const customer = row.customer as JsonObject
  let customerId = isStoredCustomer(customer, store)
    ? customers.uuidOf(customer.external_id as string)
    : undefined
  if (customerId === undefined) {
    customerId = store.saveCustomer(customer).uuid
    customers.compress(customerId)
  }
  if (row.location === undefined) return { customer_id: customerId }
  const location = row.location as JsonObject
  let locationId =
    location.external_id === undefined
      ? store.findLocationByName(location)
      : locations.uuidOf(location.external_id as string)
  if (locationId === undefined) {
    locationId = store.saveLocation(location).uuid
    locations.compress(locationId)
  }
  return { customer_id: customerId, location_id: locationId }
}

const toMessages = (errors: ValidationErrors): Messages | [] =>
  errors.size === 0 ? [] : Object.fromEntries(errors)
