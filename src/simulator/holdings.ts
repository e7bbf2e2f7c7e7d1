import { createShelf, type Resource, type Shelf, type WritableShelf } from './shelf.ts'
import { createSums } from './sums.ts'

export interface DebtAccount extends Resource {
  /** Integer cents. */
  balance: number
  /** Integer cents; where it is absent, `balance` counts. */
  current_balance?: number
  parent_external_id?: string
  /** uuid of the customer. */
  customer_id?: string
  /** uuid of the location. */
  location_id?: string
}

/** What the simulated Tratta holds. */
export interface Holdings {
  readonly customers: Shelf
  readonly locations: Shelf
  readonly debtAccounts: Shelf<DebtAccount>
}

export type Sent = Record<string, unknown>

export interface WritableHoldings extends Holdings {
  readonly customers: WritableShelf
  readonly locations: WritableShelf
  readonly debtAccounts: WritableShelf<DebtAccount>
  /** A location without identifiers is known by its name and type: the pair is unique (README.md, Location). */
  findLocation(sent: Sent): Resource | undefined
  /** The uuid of the location that has this name and type. */
  locationNamed(sent: Sent): string | undefined
  /** Whether an account names this one as its parent. */
  hasChildren(externalId: string): boolean
  saveCustomer(sent: Sent): Resource
  saveLocation(sent: Sent): Resource
  /** Parents' sums are not right again until `recalculate`. */
  saveDebtAccount(sent: Sent, links: Pick<DebtAccount, 'customer_id' | 'location_id'>): DebtAccount
  /** Writes the sums of changed children into their parents; gives the uuids of these. */
  recalculate(): string[]
}

/** Of a resource in a payload: what is held of it, by uuid or external_id (just-in-time.txt). */
export function findHeld<R extends Resource>(shelf: Shelf<R>, sent: Sent): R | undefined {
  const key = sent.uuid ?? sent.external_id
  return typeof key === 'string' ? shelf.get(key) : undefined
}

export function createHoldings(): WritableHoldings {
  const customers = createShelf('c')
  const locations = createShelf('f')
  const debtAccounts = createShelf<DebtAccount>('a')
  const sums = createSums()
  const uuidByNameAndType = new Map<string, string>()

  const nameAndType = (sent: Sent) => `${sent.type ?? 'original_creditor'} ${sent.name}`

  const locationNamed = (sent: Sent) => uuidByNameAndType.get(nameAndType(sent))

  function findLocation(sent: Sent): Resource | undefined {
    const identified = sent.uuid !== undefined || sent.external_id !== undefined
    if (identified) return findHeld(locations, sent)
    const uuid = locationNamed(sent)
    return uuid === undefined ? undefined : locations.get(uuid)
  }

  return {
    customers,
    locations,
    debtAccounts,
    findLocation,
    locationNamed,
    hasChildren: sums.has,
    saveCustomer(sent) {
      const customer = merge(findHeld(customers, sent) ?? { uuid: customers.nextUuid() }, sent)
      customers.save(customer)
      return customer
    },
    saveLocation(sent) {
      const held = findLocation(sent)
      const location = merge(held ?? { uuid: locations.nextUuid(), type: 'original_creditor' }, sent)
      if (held) uuidByNameAndType.delete(nameAndType(held))
      uuidByNameAndType.set(nameAndType(location), location.uuid)
      locations.save(location)
      return location
    },
    saveDebtAccount(sent, links) {
      const held = findHeld(debtAccounts, sent)
      const account = merge(held ?? ({ uuid: debtAccounts.nextUuid() } as DebtAccount), { ...sent, ...links })
      // null is how Bulk says that there is no parent
      if (account.parent_external_id === null) delete account.parent_external_id
      sums.change(held, account)
      debtAccounts.save(account)
      return account
    },
    recalculate: () => sums.writeTo(debtAccounts),
  }
}

/** What is absent stays; metadata is merged by key, everything else is replaced as a whole. */
function merge<R extends Resource>(held: R, sent: Sent): R {
  const merged: R = { ...held, ...sent, uuid: held.uuid }
  if (sent.metadata === undefined) return merged
  const metadata = mergeMetadata(held.metadata as Sent | undefined, sent.metadata as Sent)
  if (metadata) return Object.assign(merged, { metadata })
  const { metadata: _, ...rest } = merged
  return rest as R
}

/** An empty value deletes its key, an empty metadata deletes all (README.md, Customer). */
function mergeMetadata(held: Sent | undefined, sent: Sent): Sent | undefined {
  const values = Object.values(sent)
  if (values.length === 0) return undefined
  const isEmpty = (value: unknown) => value === '' || value === null
  if (!values.some(isEmpty)) return held ? { ...held, ...sent } : sent
  const kept = Object.entries({ ...held, ...sent }).filter(([, value]) => !isEmpty(value))
  return kept.length === 0 ? undefined : Object.fromEntries(kept)
}
