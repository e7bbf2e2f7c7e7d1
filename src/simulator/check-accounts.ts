import { isObject } from '../json.ts'
import { checkResource } from './check-resource.ts'
import { identifier, isBlank } from './field-rules.ts'
import { findHeld, type Holdings, type Sent } from './holdings.ts'
import { makesCircle } from './parents.ts'
import { debtAccountShape } from './resource-rules.ts'
import type { SimulatorSettings } from './settings.ts'
import { addFault, type Faults, lines } from './wording.ts'

interface SentAccount {
  sent: unknown
  path: string
  /** The external_id that it has, or is about to have. */
  name: string | undefined
}

/** `debt_account` and `child_debt_accounts` of a JIT answer, each alone and as a family. */
export function checkAccounts(
  data: Sent,
  asked: string,
  holdings: Holdings,
  settings: SimulatorSettings,
  faults: Faults,
): void {
  const accounts = sentAccounts(data, holdings, faults)
  const names = new Set<string>()
  const parents = new Map<string, string>()
  for (const { sent, path, name } of accounts) {
    if (name === undefined) continue
    if (names.has(name)) addFault(faults, `${path}.external_id`, lines.duplicate)
    names.add(name)
    if (isObject(sent) && typeof sent.parent_external_id === 'string')
      parents.set(name, sent.parent_external_id)
  }
  const isKnown = (parent: string) =>
    settings.unknownParents === 'accept' || names.has(parent) || holdings.debtAccounts.has(parent)

  for (const { sent, path, name } of accounts) {
    if (!checkResource(sent, path, debtAccountShape, holdings.debtAccounts, faults)) continue
    if (sent.uuid === undefined && sent.external_id === undefined) {
      addFault(faults, `${path}.external_id`, lines.requiredWithout, `${path}.uuid`)
    }
    const at = `${path}.parent_external_id`
    const parent = sent.parent_external_id
    if (path === 'debt_account' && parent === undefined) continue
    if (path !== 'debt_account' && isBlank(parent)) {
      addFault(faults, at, lines.required)
      continue
    }
    identifier(parent, at, faults)
    if (faults.has(at) || typeof parent !== 'string') continue
    if (!isKnown(parent) || (name !== undefined && makesCircle(holdings, name, parent, parents))) {
      addFault(faults, at, lines.selected)
    }
  }
  // an answer about another account would put another debtor's balance on this one
  if (isObject(data.debt_account) && !names.has(asked)) {
    addFault(faults, 'debt_account.external_id', lines.selected)
  }
}

function sentAccounts(data: Sent, holdings: Holdings, faults: Faults): SentAccount[] {
  const { debt_account: account, child_debt_accounts: children } = data
  const accounts: SentAccount[] = []
  const push = (sent: unknown, path: string) => {
    const named = isObject(sent)
      ? (sent.external_id ?? findHeld(holdings.debtAccounts, sent)?.external_id)
      : undefined
    accounts.push({ sent, path, name: typeof named === 'string' ? named : undefined })
  }
  if (isBlank(account)) addFault(faults, 'debt_account', lines.required)
  else push(account, 'debt_account')
  if (Array.isArray(children)) {
    for (const [index, child] of children.entries()) push(child, `child_debt_accounts.${index}`)
  } else if (children !== undefined) addFault(faults, 'child_debt_accounts', lines.array)
  return accounts
}
