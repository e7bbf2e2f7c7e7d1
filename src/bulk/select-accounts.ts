/** Which accounts of a customer are sent, by what was sent and rejected before. */
import type { Readings } from '../tratta/readings.ts'
import type { BuiltAccount } from './build-accounts.ts'
import { type BuiltRow, type BuiltRows, type LocalRejection, rowJson } from './build-rows.ts'
import { type KnownAccounts, type KnownRejection, NOTHING_KNOWN } from './known-accounts.ts'

/** A row with the accounts that are to be sent. */
export interface RowToSend {
  row: BuiltRow
  accounts: BuiltAccount[]
  json: string
  /** An earlier request may have created some of it at Tratta. */
  maybeAccepted: boolean
}

export interface Selection {
  /** `all`: what was never sent. `retry`: what was rejected and has changed since. */
  kind: 'all' | 'retry'
  /** With `retry`: also what Tratta rejected and has not changed, and what is unknown. */
  unchanged: boolean
}

export const toSend = (row: BuiltRow, accounts: BuiltAccount[], maybeAccepted = false): RowToSend => ({
  row,
  accounts,
  json: rowJson(row, accounts),
  maybeAccepted,
})

/** @param reattached accounts that were orphaned, and have a customer now */
export function selectAccounts(
  built: BuiltRows,
  known: KnownAccounts | undefined,
  { kind, unchanged, existingCustomers }: Selection & Pick<Readings, 'existingCustomers'>,
  reattached?: Set<string>,
): { rows: RowToSend[]; rejections: LocalRejection[] } {
  // The orphaned accounts are read at the end of a run.
  const own = built.rejections.filter(({ reason }) => reason.code !== 'customer_missing')
  if (!known && kind === 'all') {
    const rows = built.rows.map((row) => toSend(row, row.accounts))
    return existingCustomers === 'reject' ? withoutKnownCustomer(rows, own) : { rows, rejections: own }
  }

  const { sent } = known ?? NOTHING_KNOWN
  const history = historyOf(known ?? NOTHING_KNOWN)
  const rejections = own.filter(({ account, accounts }) =>
    account === '' ? accounts!.some((id) => !history.isAccepted(id)) : !history.isAccepted(account),
  )

  const isWanted = (row: BuiltRow, account: BuiltAccount) => {
    const id = account.external_id
    const last = sent.get(id)
    const { ofAccount, ofRow } = history.rejectionsOf(id)
    if (!last)
      return (
        kind === 'all' ||
        ofAccount?.rejectedBy === 'us' ||
        history.isRejectedByUs(row.location) ||
        reattached?.has(id)
      )
    if (kind === 'all') return false
    if (unchanged && last.isInDoubt) return true
    if (!ofAccount && !ofRow) return false
    if (unchanged) return true
    const hasChanged = !ofAccount || ofAccount.digest !== (account.digest | 0)
    return hasChanged && (!ofRow || ofRow.digest !== (row.digest | 0))
  }

  const rows: RowToSend[] = []
  for (const row of built.rows) {
    const blocking = unchanged ? undefined : history.rowRejection(row.location)
    const isBlocked = blocking !== undefined && blocking.digest === (row.digest | 0)
    const accounts = new Set<BuiltAccount>()
    for (const account of row.accounts) {
      if (!isWanted(row, account)) continue
      const { parent } = account
      const hasParent = !parent || accounts.has(parent) || history.isAccepted(parent.external_id)
      if (!isBlocked && hasParent) accounts.add(account)
      else if (!sent.has(account.external_id))
        rejections.push({
          customer: row.customer,
          location: row.location,
          account: account.external_id,
          reason: { code: isBlocked ? 'row_rejected_by_tratta' : 'parent_rejected_by_tratta' },
        })
    }
    const maybeAccepted = [...accounts].some(({ external_id }) => history.isUnknown(external_id))
    if (accounts.size > 0) rows.push(toSend(row, [...accounts], maybeAccepted))
  }
  return existingCustomers === 'reject'
    ? withoutKnownCustomer(rows, rejections, (account) => sent.has(account), history.hasAccepted())
    : { rows, rejections }
}

/** Tratta rejects a row of a customer that it has, so only the first row of a new customer is sent. */
function withoutKnownCustomer(
  rows: RowToSend[],
  rejections: LocalRejection[],
  isSent = (_account: string) => false,
  isKnown = false,
) {
  const sendable = isKnown ? [] : rows.slice(0, 1)
  for (const { row, accounts } of rows.slice(sendable.length))
    for (const { external_id: account } of accounts)
      if (!isSent(account))
        rejections.push({
          customer: row.customer,
          location: row.location,
          account,
          reason: { code: 'known_customer' },
        })
  return { rows: sendable, rejections }
}

function historyOf({ sent, rejections }: KnownAccounts) {
  const byAccount = new Map(rejections.map((rejection) => [rejection.account, rejection]))
  const rowRejection = (location: string): KnownRejection | undefined =>
    rejections.find(
      (rejection) =>
        rejection.account === '' && rejection.location === location && rejection.request !== null,
    )
  const rejectionsOf = (account: string) => {
    const last = sent.get(account)
    const ofRow = last && rowRejection(last.location)
    return {
      ofAccount: byAccount.get(account),
      ofRow: ofRow?.request === last?.request ? ofRow : undefined,
    }
  }
  return {
    rowRejection,
    rejectionsOf,
    isRejectedByUs: (location: string) =>
      rejections.some(
        (rejection) =>
          rejection.account === '' && rejection.location === location && rejection.rejectedBy === 'us',
      ),
    isAccepted(account: string) {
      const { ofAccount, ofRow } = rejectionsOf(account)
      return sent.has(account) && !ofAccount && !ofRow
    },
    hasAccepted: (): boolean =>
      [...sent.keys()].some((account) => {
        const { ofAccount, ofRow } = rejectionsOf(account)
        return !ofAccount && !ofRow
      }),
    isUnknown(account: string) {
      const { ofAccount, ofRow } = rejectionsOf(account)
      return Boolean(sent.get(account)?.isInDoubt || ofAccount?.isUnknown || ofRow?.isUnknown)
    },
  }
}
