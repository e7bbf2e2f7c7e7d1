/** The accounts of a bulk row, validated by the contract that the responder uses too ("Bulk", Parameters). */
import { crc32 } from 'node:zlib'
import { DebtAccount } from '../contract.ts'
import type { DebtAccountRow, LocationRow } from '../database/account-row.ts'
import { isAnotherCustomer } from '../payload/build-payload.ts'
import {
  type OmittedField,
  omitInvalidFields,
  resourceContract,
  runToEnd,
  UnsendableAccountError,
} from '../payload/omit-invalid-fields.ts'
import { childDebtAccount, debtAccount } from '../payload/resources.ts'
import type { CustomerWithAccounts } from './customer-source.ts'
import { type Reason, RejectedError } from './rejection-reasons.ts'

export interface BuiltAccount {
  external_id: string
  parent: BuiltAccount | undefined
  json: string
  /** CRC-32. Changes when the account or its parent does. */
  digest: number
}

const ACCOUNT = resourceContract(DebtAccount)

/** @throws what is neither a RejectedError nor an UnsendableAccountError */
export function reasonOf(error: unknown): Reason {
  if (error instanceof RejectedError) return error.reason
  if (error instanceof UnsendableAccountError) return { code: 'unsendable', message: error.message }
  throw error
}

/**
 * Parents before their children. Bulk nests within a row, so a child goes into the row of its parent.
 * @param parents the accounts without a parent, at one location
 */
export function buildAccounts(
  parents: DebtAccountRow[],
  found: CustomerWithAccounts,
  locations: Map<string, LocationRow[]>,
  reject: (account: string, reason: Reason) => void,
  omitted: OmittedField[],
): BuiltAccount[] {
  const built: BuiltAccount[] = []
  const counts = new Map<string, number>()
  for (const { external_id } of found.accounts) counts.set(external_id!, (counts.get(external_id!) ?? 0) + 1)
  const children =
    found.accounts.length === parents.length
      ? undefined
      : Map.groupBy(found.accounts, ({ parent_external_id }) => parent_external_id)

  function build(row: DebtAccountRow, parent?: BuiltAccount, parentRow?: DebtAccountRow) {
    const externalId = row.external_id!
    try {
      // Either row may hold the right balance.
      if (counts.get(externalId)! > 1)
        throw new RejectedError({ code: 'duplicate', resource: 'debt_account' })
      if (parent && isAnotherCustomer(row.customer_external_id, found.external_id))
        throw new RejectedError({ code: 'other_customer' })
      const at = ['debt_account']
      const ownLocation = locations.get(row.location_external_id ?? '') ?? []
      const fields = parentRow
        ? childDebtAccount(row, parentRow, ownLocation, at, omitted)
        : debtAccount(row, at, omitted)
      runToEnd(omitInvalidFields(fields, ACCOUNT, at, omitted))
      const json = JSON.stringify(fields)
      return { external_id: externalId, parent, json, digest: crc32(json, parent ? crc32(parent.json) : 0) }
    } catch (error) {
      reject(externalId, reasonOf(error))
      return undefined
    }
  }

  const added = new Set<string>()
  for (const row of parents) {
    if (added.has(row.external_id!)) continue
    added.add(row.external_id!)
    const parent = build(row)
    if (parent) built.push(parent)
    for (const child of children?.get(row.external_id!) ?? []) {
      if (added.has(child.external_id!)) continue
      added.add(child.external_id!)
      const account = parent && build(child, parent, row)
      if (account) built.push(account)
      else if (!parent) reject(child.external_id!, { code: 'parent_rejected' })
    }
  }
  return built
}
