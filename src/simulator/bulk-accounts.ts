import { isObject, type JsonObject } from './json.ts'
import { debtAccountShape, identifier, prohibited, type Shape, validateShape } from './resource-rules.ts'
import type { SimulatorSettings } from './settings.ts'
import { type AccountLinks, createsCycle, type WritableStore } from './store.ts'
import { addError, messages, singleError, type ValidationErrors } from './validation-messages.ts'

/** Messages by field name, relative to the resource. */
export type Messages = Record<string, string[]>

export interface AccountErrors {
  data: unknown
  messages: Messages
}

export interface RowContext {
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
export function processAccounts(accounts: unknown, path: string, context: RowContext): AccountErrors[] {
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
export function validateNew(fields: JsonObject, shape: Shape): ValidationErrors {
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
