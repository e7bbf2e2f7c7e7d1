import type { Resource, WritableResourceStore } from './resource-store.ts'

export interface DebtAccount extends Resource {
  /** Integer cents. */
  balance: number
  /** Integer cents; `balance` applies if absent. */
  current_balance?: number
  parent_external_id?: string
  /** uuid of the customer. */
  customer_id?: string
  /** uuid of the location. */
  location_id?: string
}

interface Sum {
  balance: number
  current_balance: number
  children: number
}

/**
 * A parent's balance and current_balance are the sums of its children's (README.md, Debt account). The sums are
 * running totals by the parent's external_id, so that a parent may arrive after its children, and the cost of a
 * change does not depend on the number of children.
 */
export function createBalanceSums() {
  const sums = new Map<string, Sum>()
  const changedParents = new Set<string>()

  function add(account: DebtAccount | undefined, sign: 1 | -1): void {
    const parent = account?.parent_external_id
    if (account === undefined || parent === undefined) return
    const sum = sums.get(parent) ?? { balance: 0, current_balance: 0, children: 0 }
    sum.balance += sign * account.balance
    sum.current_balance += sign * (account.current_balance ?? account.balance)
    sum.children += sign
    sums.set(parent, sum)
    changedParents.add(parent)
  }

  function update(before: DebtAccount | undefined, after: DebtAccount): void {
    add(before, -1)
    add(after, 1)
    // Children of a new account may be stored already.
    const id = after.external_id
    if (id !== undefined && id !== before?.external_id && sums.has(id)) changedParents.add(id)
  }

  return {
    /** Records a created (`before` undefined), updated or moved account. */
    update,
    hasChildren: (externalId: string): boolean => (sums.get(externalId)?.children ?? 0) > 0,
    /** Writes changed sums into the parents, and from there into their parents. */
    writeTo(accounts: WritableResourceStore<DebtAccount>): void {
      // The loop also visits the grandparents that `update` adds; it ends because cycles are rejected.
      for (const externalId of changedParents) {
        changedParents.delete(externalId)
        const parent = accounts.get(externalId)
        const { balance, current_balance } = sums.get(externalId)!
        if (!parent || (parent.balance === balance && parent.current_balance === current_balance)) continue
        const updated = { ...parent, balance, current_balance }
        update(parent, updated)
        accounts.save(updated)
      }
    },
  }
}
