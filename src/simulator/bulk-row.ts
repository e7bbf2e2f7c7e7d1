import { isObject, type JsonObject } from './json.ts'
import { randomRejection } from './random.ts'
import {
  customerShapeFor,
  debtAccountShape,
  identifier,
  isBlank,
  locationShape,
  prohibited,
  type Shape,
  validateShape,
} from './resource-rules.ts'
import type { SimulatorSettings } from './settings.ts'
import { type AccountLinks, createsCycle, type WritableStore } from './store.ts'
import { addError, messages, singleError, type ValidationErrors } from './validation-messages.ts'

/** `errors` of a row in the response of GET /bulk/{id}/errors (bulk.txt, Errors). */
interface RowErrors {
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
  const errors = validateNew(customer, customerShapeFor(settings))
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

/** Messages by field name, relative to the resource. */
type Messages = Record<string, string[]>

interface AccountErrors {
  data: unknown
  messages: Messages
}

interface RowContext {
  store: WritableStore
  settings: SimulatorSettings
  /** Undefined if the customer or location is rejected: accounts are then validated but not created. */
  links: AccountLinks | undefined
  randomlyRejected: unknown
  /** external_ids of the valid accounts of this row. */
  validIds: Set<string>
  /** uuids of the accounts that this row created. */
  created: string[]
}

/**
 * Validates and creates one list of accounts of a bulk row. Accounts without a parent come first: each may be
 * the implicit parent of any other account of the row (bulk.txt).
 * @param path `parent_debt_accounts` or `debt_accounts`
 */
function processAccounts(accounts: unknown, path: string, context: RowContext): AccountErrors[] {
  if (accounts === undefined) return []
  if (!Array.isArray(accounts)) {
    return [{ data: accounts, messages: Object.fromEntries(singleError(path, messages.array)) }]
  }
  const results: (AccountErrors | undefined)[] = []
  for (const nested of [false, true]) {
    for (const [index, account] of accounts.entries()) {
      if (isNested(account) === nested) results[index] = processAccount(account, context)
    }
  }
  return results.filter((result) => result !== undefined)
}

/** Bulk only creates, so a uuid is prohibited. */
function validateNew(fields: JsonObject, shape: Shape): ValidationErrors {
  const errors: ValidationErrors = new Map()
  validateShape(fields, '', shape, errors)
  if (fields.uuid !== undefined) prohibited(fields.uuid, 'uuid', errors)
  return errors
}

/** A null parent marks an implicit parent account (bulk.txt). */
function isNested(account: unknown): boolean {
  return isObject(account) && account.parent_external_id !== undefined && account.parent_external_id !== null
}

function processAccount(account: unknown, context: RowContext): AccountErrors | undefined {
  const errors = isObject(account)
    ? validateAccount(account, context)
    : singleError('debt_account', messages.array)
  if (errors.size > 0) return { data: account, messages: Object.fromEntries(errors) }

  const fields = account as JsonObject
  context.validIds.add(fields.external_id as string)
  if (context.links) context.created.push(context.store.saveDebtAccount(fields, context.links).uuid)
  return undefined
}

function validateAccount(account: JsonObject, context: RowContext): ValidationErrors {
  const { store, settings, validIds } = context
  const { external_id: id, parent_external_id: parent } = account
  const exists = (key: string) => validIds.has(key) || store.debtAccounts.has(key)

  const errors = validateNew(account, debtAccountShape)
  if (id === undefined) addError(errors, 'external_id', messages.required)
  else if (typeof id === 'string') {
    if (exists(id)) addError(errors, 'external_id', messages.taken)
    else if (account === context.randomlyRejected)
      addError(errors, 'external_account_number', messages.format)
  }
  if (!isNested(account)) return errors

  identifier(parent, 'parent_external_id', errors)
  if (errors.has('parent_external_id')) return errors
  const isKnown = settings.unknownParents === 'accept' || exists(parent as string)
  // Only an account that has children can close a cycle.
  const closesCycle = store.hasChildren(id as string) && createsCycle(store, id as string, parent as string)
  if (!isKnown || closesCycle) addError(errors, 'parent_external_id', messages.selected)
  return errors
}
