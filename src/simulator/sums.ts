import type { DebtAccount } from './holdings.ts'
import type { WritableShelf } from './shelf.ts'

interface Sum {
  balance: number
  current_balance: number
  children: number
}

/**
 * A parent's balance and current_balance are the sums of its children's (README.md, Debt account). Kept
 * as running sums by the parent's external_id, so that a parent may come after its children and one with
 * a hundred thousand children costs no more than another.
 */
export function createSums() {
  const sums = new Map<string, Sum>()
  const stale = new Set<string>()

  function add(account: DebtAccount | undefined, sign: 1 | -1): void {
    const parent = account?.parent_external_id
    if (account === undefined || parent === undefined) return
    const sum = sums.get(parent) ?? { balance: 0, current_balance: 0, children: 0 }
    sum.balance += sign * account.balance
    sum.current_balance += sign * (account.current_balance ?? account.balance)
    sum.children += sign
    sums.set(parent, sum)
    stale.add(parent)
  }

  function change(before: DebtAccount | undefined, after: DebtAccount): void {
    add(before, -1)
    add(after, 1)
    // children may have waited for it
    const name = after.external_id
    if (name !== undefined && name !== before?.external_id && sums.has(name)) stale.add(name)
  }

  return {
    /** Notes that an account was created (nothing before), updated or moved. */
    change,
    has: (parent: string): boolean => (sums.get(parent)?.children ?? 0) > 0,
    /** Writes what has become stale into the parents, and on into theirs; gives the uuids of these. */
    writeTo(accounts: WritableShelf<DebtAccount>): string[] {
      const written: string[] = []
      // the set grows by grandparents while it is walked; it ends because circles are refused
      for (const externalId of stale) {
        stale.delete(externalId)
        const parent = accounts.get(externalId)
        const sum = sums.get(externalId)!
        if (!parent || (parent.balance === sum.balance && parent.current_balance === sum.current_balance)) {
          continue
        }
        const summed = { ...parent, balance: sum.balance, current_balance: sum.current_balance }
        change(parent, summed)
        accounts.save(summed)
        written.push(parent.uuid)
      }
      return written
    },
  }
}
