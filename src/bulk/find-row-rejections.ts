/** Finds out which accounts of a row are rejected or unknown, from the errors of the row. */
import { type Matched, normalizeId } from './match-errors.ts'
import type { AccountErrors } from './parse-errors.ts'

export interface TrattaRejection {
  customer: string
  location: string
  /** Empty for the whole row. */
  account: string
  outcome: 'rejected' | 'unknown'
  code: string
  reasons: string[]
  digest: number
}

/**
 * - Errors of customer or location: Tratta created nothing of the row.
 * - Errors of an account: Tratta did not create it.
 * - Where an earlier attempt may have been accepted, "has already been taken" proves that Tratta has the account.
 *   If only the customer is taken, the accounts that are not named are unknown: Tratta creates nothing of a row
 *   with an invalid customer, but an earlier attempt may have created them.
 * - Errors of an account that Tratta does not name: the accounts of the row are unknown.
 *
 * @param superseded whether a later request contains the account
 */
export function findRowRejections(
  { errors, row }: Matched,
  maybeAccepted: boolean,
  superseded: (account: string) => boolean,
): TrattaRejection[] {
  const { own, nameless } = errorsByAccount({ errors, row }, superseded)
  const isProven = (index: number) => maybeAccepted && own.get(index)?.isTaken === true
  const isMixed =
    maybeAccepted && (errors.isCustomerTaken || row.debt_accounts.some((_, index) => isProven(index)))
  const isRowRejected = errors.whole.length > 0 && !isMixed

  const key = { customer: row.customer_external_id, location: row.location_external_id }
  const rejected = { outcome: 'rejected', code: 'rejected_by_tratta' } as const
  const isOnly = !isMixed && row.debt_accounts.length === 1
  const unnamed = isOnly
    ? rejected
    : ({ outcome: 'unknown', code: isMixed ? 'customer_taken' : 'account_not_named' } as const)
  const unnamedReasons = isMixed ? errors.whole : isRowRejected ? [] : nameless

  const ofAccounts = row.debt_accounts.flatMap((account, index): TrattaRejection[] => {
    if (isProven(index)) return []
    const base = { ...key, account, digest: row.digests[index]! }
    const reasons = own.get(index)?.reasons
    if (reasons) return [{ ...base, ...rejected, reasons }]
    return unnamedReasons.length > 0 ? [{ ...base, ...unnamed, reasons: unnamedReasons }] : []
  })
  const whole = { ...key, account: '', ...rejected, reasons: errors.whole, digest: row.digest }
  return isRowRejected ? [whole, ...ofAccounts] : ofAccounts
}

/** The errors of each account of the row, by its index, and the reasons of accounts that are not named. */
function errorsByAccount({ errors, row }: Matched, superseded: (account: string) => boolean) {
  const own = new Map<number, AccountErrors>()
  const nameless: string[] = []
  for (const [id, found] of errors.byAccount) {
    const index = indexOf(row.debt_accounts, id)
    if (index >= 0) own.set(index, found)
    else if (id === '' || !superseded(id)) nameless.push(...found.reasons)
  }
  return { own, nameless }
}

function indexOf(accounts: string[], id: string): number {
  if (id === '') return -1
  const exact = accounts.indexOf(id)
  if (exact >= 0) return exact
  const normalized = normalizeId(id)
  return accounts.findIndex((account) => normalizeId(account) === normalized)
}
