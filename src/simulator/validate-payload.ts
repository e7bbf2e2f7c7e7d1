import { isObject, type JsonObject } from './json.ts'
import {
  customerShapeFor,
  debtAccountShape,
  identifier,
  isBlank,
  locationShape,
  type Shape,
  validateShape,
} from './resource-rules.ts'
import type { ResourceStore } from './resource-store.ts'
import type { SimulatorSettings } from './settings.ts'
import { createsCycle, findStored, type WritableStore } from './store.ts'
import { addError, messages, singleError, type ValidationErrors } from './validation-messages.ts'

/** The `data` of a valid response to a JIT request. */
export interface Payload {
  location?: JsonObject
  customer?: JsonObject
  debt_account: JsonObject
  child_debt_accounts?: JsonObject[]
}

/**
 * Returns every error in the response to a JIT request (just-in-time.txt, Respond to a JIT request).
 * @param body the whole response, parsed by `parseJson`
 * @param requestedId the external_id that Tratta requested
 */
export function validatePayload(
  body: unknown,
  requestedId: string,
  store: WritableStore,
  settings: SimulatorSettings,
): ValidationErrors {
  const data = isObject(body) ? body.data : undefined
  if (!isObject(data)) return singleError('data', isBlank(data) ? messages.required : messages.array)
  const errors: ValidationErrors = new Map()
  const { location, customer } = data
  if (
    location !== undefined &&
    validateResource(location, 'location', locationShape, store.locations, errors)
  ) {
    const stored = store.findLocation(location)
    const sameName = store.findLocationByName({ ...stored, ...location })
    if (sameName !== undefined && sameName !== stored?.uuid) addError(errors, 'location.name', messages.taken)
  }
  if (customer !== undefined)
    validateResource(customer, 'customer', customerShapeFor(settings), store.customers, errors)
  validateAccounts(data, requestedId, store, settings, errors)
  addRejectedValues(data, settings, errors)
  return errors
}

/** Adds an error for each value that the setting `rejectedValues` rejects. */
function addRejectedValues(
  data: JsonObject,
  { rejectedValues }: SimulatorSettings,
  errors: ValidationErrors,
) {
  if (rejectedValues === 'none') return
  for (const pair of rejectedValues.split(',')) {
    const [field = '', text = ''] = pair.split('=')
    for (const [path, value] of valuesAt(data, field.split('.')))
      if (String(value).includes(text)) addError(errors, path, messages.format)
  }
}

/** @param names `*` matches every key and index */
function valuesAt(value: unknown, names: string[], path = ''): [path: string, value: unknown][] {
  const [name, ...rest] = names
  if (name === undefined) return [[path, value]]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, one]) =>
    name === '*' || name === key ? valuesAt(one, rest, path === '' ? key : `${path}.${key}`) : [],
  )
}

/** Validates fields and identifiers of one resource. Returns false if it is not an object. */
function validateResource(
  resource: unknown,
  path: string,
  shape: Shape,
  stored: ResourceStore,
  errors: ValidationErrors,
): resource is JsonObject {
  if (!isObject(resource)) {
    addError(errors, path, messages.array)
    return false
  }
  validateShape(resource, `${path}.`, shape, errors)
  if (resource.uuid !== undefined) validateUuid(resource, path, stored, errors)
  return true
}

/** A uuid must exist. An external_id with it must be the stored one, or unused if none is stored. */
function validateUuid(
  { uuid, external_id: id }: JsonObject,
  path: string,
  resources: ResourceStore,
  errors: ValidationErrors,
): void {
  const stored = typeof uuid === 'string' ? resources.get(uuid) : undefined
  if (!stored || stored.uuid !== uuid) addError(errors, `${path}.uuid`, messages.selected)
  else if (typeof id !== 'string' || id === stored.external_id) return
  else if (stored.external_id !== undefined) addError(errors, `${path}.external_id`, messages.selected)
  else if (resources.has(id)) addError(errors, `${path}.external_id`, messages.taken)
}

interface SentAccount {
  account: unknown
  path: string
  /** The external_id that is sent, or stored under the uuid that is sent. */
  id: string | undefined
}

/** Validates `debt_account` and `child_debt_accounts`, each account and the relations between them. */
function validateAccounts(
  data: JsonObject,
  requestedId: string,
  store: WritableStore,
  settings: SimulatorSettings,
  errors: ValidationErrors,
): void {
  const accounts = listAccounts(data, store, errors)
  const ids = new Set<string>()
  const parents = new Map<string, string>()
  for (const { account, path, id } of accounts) {
    if (id === undefined) continue
    if (ids.has(id)) addError(errors, `${path}.external_id`, messages.duplicate)
    ids.add(id)
    if (isObject(account) && typeof account.parent_external_id === 'string')
      parents.set(id, account.parent_external_id)
  }
  const isKnown = (parent: string) =>
    settings.unknownParents === 'accept' || ids.has(parent) || store.debtAccounts.has(parent)

  for (const { account, path, id } of accounts) {
    if (!validateResource(account, path, debtAccountShape, store.debtAccounts, errors)) continue
    if (account.uuid === undefined && account.external_id === undefined) {
      addError(errors, `${path}.external_id`, messages.requiredWithout, `${path}.uuid`)
    }
    const parentPath = `${path}.parent_external_id`
    const parent = account.parent_external_id
    if (path === 'debt_account' && parent === undefined) continue
    if (path !== 'debt_account' && isBlank(parent)) {
      addError(errors, parentPath, messages.required)
      continue
    }
    identifier(parent, parentPath, errors)
    if (errors.has(parentPath) || typeof parent !== 'string') continue
    if (!isKnown(parent) || (id !== undefined && createsCycle(store, id, parent, parents))) {
      addError(errors, parentPath, messages.selected)
    }
  }
  // A response about another account would set another debtor's balance.
  if (isObject(data.debt_account) && !ids.has(requestedId)) {
    addError(errors, 'debt_account.external_id', messages.selected)
  }
}

function listAccounts(data: JsonObject, store: WritableStore, errors: ValidationErrors): SentAccount[] {
  const { debt_account: account, child_debt_accounts: children } = data
  const accounts: SentAccount[] = []
  const push = (account: unknown, path: string) => {
    const id = isObject(account)
      ? (account.external_id ?? findStored(store.debtAccounts, account)?.external_id)
      : undefined
    accounts.push({ account, path, id: typeof id === 'string' ? id : undefined })
  }
  if (isBlank(account)) addError(errors, 'debt_account', messages.required)
  else push(account, 'debt_account')
  if (Array.isArray(children)) {
    for (const [index, child] of children.entries()) push(child, `child_debt_accounts.${index}`)
  } else if (children !== undefined) addError(errors, 'child_debt_accounts', messages.array)
  return accounts
}
