import { createBalanceSums, type DebtAccount } from './balance-sums.ts'
import type { JsonObject } from './json.ts'
import {
  createResourceStore,
  type Resource,
  type ResourceStore,
  type WritableResourceStore,
} from './resource-store.ts'
import { defaultSettings, type SimulatorSettings } from './settings.ts'

/** All resources of the simulated Tratta. */
export interface Store {
  readonly customers: ResourceStore
  readonly locations: ResourceStore
  readonly debtAccounts: ResourceStore<DebtAccount>
}

/** uuids of the customer and the location of an account. */
export type AccountLinks = Pick<DebtAccount, 'customer_id' | 'location_id'>

export interface WritableStore extends Store {
  readonly customers: WritableResourceStore
  readonly locations: WritableResourceStore
  readonly debtAccounts: WritableResourceStore<DebtAccount>
  /** A location without identifiers is found by name and type, which are unique (README.md, Location). */
  findLocation(fields: JsonObject): Resource | undefined
  /** The uuid of the location with this name and type. */
  findLocationByName(fields: JsonObject): string | undefined
  hasChildren(externalId: string): boolean
  saveCustomer(fields: JsonObject): Resource
  saveLocation(fields: JsonObject): Resource
  /** Sums of parents are out of date until `recalculateParents`. */
  saveDebtAccount(fields: JsonObject, links: AccountLinks): DebtAccount
  recalculateParents(): void
}

/** Finds the stored resource that a sent one identifies by uuid or external_id (just-in-time.txt). */
export function findStored<R extends Resource>(
  resources: ResourceStore<R>,
  fields: JsonObject,
): R | undefined {
  const key = fields.uuid ?? fields.external_id
  return typeof key === 'string' ? resources.get(key) : undefined
}

/**
 * Whether an account would become its own ancestor.
 * @param sentParents parent by external_id, as the same payload sets them
 */
export function createsCycle(
  store: Store,
  externalId: string,
  parent: string,
  sentParents?: ReadonlyMap<string, string>,
): boolean {
  const visited = new Set<string>()
  let ancestor: string | undefined = parent
  while (ancestor !== undefined && !visited.has(ancestor)) {
    if (ancestor === externalId) return true
    visited.add(ancestor)
    ancestor = sentParents?.get(ancestor) ?? store.debtAccounts.get(ancestor)?.parent_external_id
  }
  return false
}

export function createStore(
  settings: () => Pick<SimulatorSettings, 'idComparison'> = () => defaultSettings,
): WritableStore {
  const customers = createResourceStore('c', settings)
  const locations = createResourceStore('f', settings)
  const debtAccounts = createResourceStore<DebtAccount>('a', settings)
  const sums = createBalanceSums()
  const uuidByNameAndType = new Map<string, string>()

  const nameAndType = (fields: JsonObject) => `${fields.type ?? 'original_creditor'} ${fields.name}`
  const findLocationByName = (fields: JsonObject) => uuidByNameAndType.get(nameAndType(fields))

  function findLocation(fields: JsonObject): Resource | undefined {
    const hasIdentifier = fields.uuid !== undefined || fields.external_id !== undefined
    if (hasIdentifier) return findStored(locations, fields)
    const uuid = findLocationByName(fields)
    return uuid === undefined ? undefined : locations.get(uuid)
  }

  return {
    customers,
    locations,
    debtAccounts,
    findLocation,
    findLocationByName,
    hasChildren: sums.hasChildren,
    saveCustomer(fields) {
      const customer = merge(findStored(customers, fields) ?? { uuid: customers.nextUuid() }, fields)
      customers.save(customer)
      return customer
    },
    saveLocation(fields) {
      const stored = findLocation(fields)
      const location = merge(stored ?? { uuid: locations.nextUuid(), type: 'original_creditor' }, fields)
      if (stored) uuidByNameAndType.delete(nameAndType(stored))
      uuidByNameAndType.set(nameAndType(location), location.uuid)
      locations.save(location)
      return location
    },
    saveDebtAccount(fields, links) {
      const stored = findStored(debtAccounts, fields)
      const account = merge(stored ?? ({ uuid: debtAccounts.nextUuid() } as DebtAccount), {
        ...fields,
        ...links,
      })
      // In Bulk, null means that the account has no parent.
      if (account.parent_external_id === null) delete account.parent_external_id
      sums.update(stored, account)
      debtAccounts.save(account)
      return account
    },
    recalculateParents: () => sums.writeTo(debtAccounts),
  }
}

/** Absent fields keep their value. Metadata is merged by key; every other field is replaced as a whole. */
function merge<R extends Resource>(stored: R, fields: JsonObject): R {
  const merged: R = { ...stored, ...fields, uuid: stored.uuid }
  if (fields.metadata === undefined) return merged
  const metadata = mergeMetadata(stored.metadata as JsonObject | undefined, fields.metadata as JsonObject)
  if (metadata) return Object.assign(merged, { metadata })
  const { metadata: _, ...rest } = merged
  return rest as R
}

/** An empty value deletes its key, and empty metadata deletes all keys (README.md, Customer). */
function mergeMetadata(stored: JsonObject | undefined, sent: JsonObject): JsonObject | undefined {
  const values = Object.values(sent)
  if (values.length === 0) return undefined
  const isEmpty = (value: unknown) => value === '' || value === null
  if (!values.some(isEmpty)) return stored ? { ...stored, ...sent } : sent
  const kept = Object.entries({ ...stored, ...sent }).filter(([, value]) => !isEmpty(value))
  return kept.length === 0 ? undefined : Object.fromEntries(kept)
}
