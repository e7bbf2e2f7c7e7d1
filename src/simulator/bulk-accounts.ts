import { isObject } from '../json.ts'
import type { AccountErrors, RowContext } from './bulk-row.ts'
import { checkShape, identifier, prohibited } from './field-rules.ts'
import type { Sent } from './holdings.ts'
import { makesCircle } from './parents.ts'
import { debtAccountShape } from './resource-rules.ts'
import { addFault, type Faults, lines } from './wording.ts'

/**
 * Judges and creates one list of accounts of a bulk row. An account that names no parent may be the
 * parent of any other in the row (bulk.txt: implicit parents), so these come first whatever their place.
 * @param sent `parent_debt_accounts` or `debt_accounts`
 */
export function takeBulkAccounts(sent: unknown, path: string, context: RowContext): AccountErrors[] {
  if (sent === undefined) return []
  if (!Array.isArray(sent)) {
    const faults: Faults = new Map()
    addFault(faults, path, lines.array)
    return [{ data: sent, messages: Object.fromEntries(faults) }]
  }
  const errors: (AccountErrors | undefined)[] = []
  for (const [index, account] of sent.entries())
    if (!isNested(account)) errors[index] = take(account, context)
  for (const [index, account] of sent.entries()) if (isNested(account)) errors[index] = take(account, context)
  return errors.filter((one) => one !== undefined)
}

/** Null is documented: it marks an implicit parent (bulk.txt). */
function isNested(account: unknown): boolean {
  return isObject(account) && account.parent_external_id !== undefined && account.parent_external_id !== null
}

function take(account: unknown, context: RowContext): AccountErrors | undefined {
  const faults: Faults = new Map()
  if (isObject(account)) check(account, context, faults)
  else addFault(faults, 'debt_account', lines.array)
  if (faults.size > 0) return { data: account, messages: Object.fromEntries(faults) }

  const sent = account as Sent
  context.passed.add(sent.external_id as string)
  if (context.links) context.created.push(context.holdings.saveDebtAccount(sent, context.links).uuid)
  return undefined
}

function check(account: Sent, context: RowContext, faults: Faults): void {
  const { holdings, settings, passed } = context
  const { external_id: externalId, parent_external_id: parent } = account
  checkShape(account, '', debtAccountShape, faults)
  if (account.uuid !== undefined) prohibited(account.uuid, 'uuid', faults)
  if (externalId === undefined) addFault(faults, 'external_id', lines.required)
  else if (typeof externalId === 'string') {
    if (passed.has(externalId) || holdings.debtAccounts.has(externalId)) {
      addFault(faults, 'external_id', lines.taken)
    } else if (account === context.unwanted) addFault(faults, 'external_account_number', lines.format)
  }
  if (!isNested(account)) return
  const before = faults.size
  identifier(parent, 'parent_external_id', faults)
  if (faults.size > before) return
  const isKnown =
    settings.unknownParents === 'accept' ||
    passed.has(parent as string) ||
    holdings.debtAccounts.has(parent as string)
  // only an account that others wait for can close a circle
  const isBelowItself =
    holdings.hasChildren(externalId as string) &&
    makesCircle(holdings, externalId as string, parent as string)
  if (!isKnown || isBelowItself) addFault(faults, 'parent_external_id', lines.selected)
}
