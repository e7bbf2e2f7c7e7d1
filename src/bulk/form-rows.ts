/**
 * The rows of Bulk's array, `{customer, location, parent_debt_accounts, debt_accounts}`, formed and checked
 * by the contract that the responder has too ("Bulk", Parameters).
 *
 * A row has one location. So a customer becomes one row for each location of the accounts that stand below
 * none. A child goes where its parent goes: Bulk nests within a row. Its own location, where that is another
 * one, is told as a further location of the account ("Debt account", locations).
 */

import { crc32 } from 'node:zlib'
import { Customer, DebtAccount, Location } from '../contract.ts'
import type { DebtAccountRow, LocationRow } from '../database/account-row.ts'
import type { Json } from '../json.ts'
import {
  type OmittedField,
  omitInvalidFields,
  resourceContract,
  runToEnd,
  UnsendableAccountError,
} from '../omit-invalid-fields.ts'
import { ANOTHER_CUSTOMERS_PARENT, isAnotherCustomer, omitInvalidResource } from '../payload.ts'
import { childDebtAccount, customer, debtAccount, location } from '../resources.ts'
import type { CustomersPage, CustomerWithAccounts } from './read-customers.ts'

export interface FormedAccount {
  external_id: string
  parent: FormedAccount | undefined
  json: string
  /** Changes when the account or its parent does. */
  digest: number
}

export interface FormedRow {
  customer: string
  /** Empty for accounts without a location. */
  location: string
  customerJson: string
  locationJson: string | undefined
  /** Changes when customer or location do. */
  digest: number
  /** Parents before their children. */
  accounts: FormedAccount[]
}

/** What we do not send, because Tratta would refuse it or because it cannot be told what is meant. */
export interface OurRefusal {
  customer: string
  location: string
  /** Empty for all of the row. */
  account: string
  reason: string
}

/** Why an account or a whole row cannot be formed. */
export type FormRejectionCode = 'unsendable' | 'duplicate' | 'other_customer' | 'parent_rejected'

export interface Formed {
  rows: FormedRow[]
  refusals: (OurRefusal & { code: FormRejectionCode })[]
  omitted: { customer: string; omitted: OmittedField }[]
}

const CUSTOMER = resourceContract(Customer)
const ACCOUNT = resourceContract(DebtAccount)
const LOCATION = resourceContract(Location)

const isThereTwice = (what: string) => `${what} is there twice`

export function formRows(found: CustomerWithAccounts, { locations }: CustomersPage): Formed {
  const formed: Formed = { rows: [], refusals: [], omitted: [] }
  const parents = found.accounts.filter(({ parent_external_id }) => parent_external_id === null)
  for (const [locationId, itsParents] of Map.groupBy(parents, (row) => row.location_external_id ?? '')) {
    const refuse: Refuse = (account, code, reason) =>
      formed.refusals.push({ customer: found.external_id, location: locationId, account, code, reason })
    const omitted: OmittedField[] = []
    try {
      if (found.rows.length > 1) throw new CannotSay('duplicate', isThereTwice('customer'))
      const locationRows = locations.get(locationId) ?? []
      if (locationRows.length > 1) throw new CannotSay('duplicate', isThereTwice('location'))
      const made = customer(found.rows[0]!, omitted)
      runToEnd(omitInvalidFields(made, CUSTOMER, ['customer'], omitted))
      const place: Json = {}
      if (locationRows[0]) {
        place.location = location(locationRows[0], omitted)
        // As in the responder: an account is placed without a location that cannot be sent.
        runToEnd(omitInvalidResource(place, 'location', LOCATION, omitted))
      }
      const customerJson = JSON.stringify(made)
      const locationJson = place.location === undefined ? undefined : JSON.stringify(place.location)
      const accounts = formAccounts(itsParents, found, locations, refuse, omitted)
      if (accounts.length > 0)
        formed.rows.push({
          customer: found.external_id,
          location: locationId,
          customerJson,
          locationJson,
          digest: crc32(locationJson ?? '', crc32(customerJson)),
          accounts,
        })
    } catch (error) {
      if (!(error instanceof UnsendableAccountError) && !(error instanceof CannotSay)) throw error
      refuse('', codeOf(error), error.message)
    }
    for (const one of omitted) formed.omitted.push({ customer: found.external_id, omitted: one })
  }
  return formed
}

/** A row of the array, with these of its accounts. A parent without a child among them is a plain account. */
export function rowJson({ customerJson, locationJson }: FormedRow, accounts: FormedAccount[]): string {
  const parents = new Set(accounts.map(({ parent }) => parent))
  const list = (isParent: boolean) =>
    accounts.flatMap((account) => (parents.has(account) === isParent ? account.json : [])).join(',')
  const nested = list(true)
  const location = locationJson === undefined ? '' : `"location":${locationJson},`
  const explicit = nested === '' ? '' : `"parent_debt_accounts":[${nested}],`
  return `{"customer":${customerJson},${location}${explicit}"debt_accounts":[${list(false)}]}`
}

/** Two rows where one is meant: rather none than one of two balances. */
class CannotSay extends Error {
  readonly code: FormRejectionCode
  constructor(code: FormRejectionCode, message: string) {
    super(message)
    this.code = code
  }
}

const codeOf = (error: CannotSay | UnsendableAccountError) =>
  error instanceof CannotSay ? error.code : 'unsendable'

type Refuse = (account: string, code: FormRejectionCode, reason: string) => void

function formAccounts(
  parents: DebtAccountRow[],
  found: CustomerWithAccounts,
  locations: Map<string, LocationRow[]>,
  refuse: Refuse,
  omitted: OmittedField[],
): FormedAccount[] {
  const made: FormedAccount[] = []
  const counts = new Map<string, number>()
  for (const { external_id } of found.accounts) counts.set(external_id!, (counts.get(external_id!) ?? 0) + 1)
  const children =
    found.accounts.length === parents.length
      ? undefined
      : Map.groupBy(found.accounts, ({ parent_external_id }) => parent_external_id)

  function form(row: DebtAccountRow, parent?: FormedAccount, parentRow?: DebtAccountRow) {
    const externalId = row.external_id!
    try {
      if (counts.get(externalId)! > 1) throw new CannotSay('duplicate', isThereTwice('debt_account'))
      if (parent && isAnotherCustomer(row.customer_external_id, found.external_id))
        throw new CannotSay(
          'other_customer',
          `${ANOTHER_CUSTOMERS_PARENT.field} ${ANOTHER_CUSTOMERS_PARENT.reason}`,
        )
      const at = ['debt_account']
      const ownLocation = locations.get(row.location_external_id ?? '') ?? []
      const fields = parentRow
        ? childDebtAccount(row, parentRow, ownLocation, at, omitted)
        : debtAccount(row, at, omitted)
      runToEnd(omitInvalidFields(fields, ACCOUNT, at, omitted))
      const json = JSON.stringify(fields)
      return { external_id: externalId, parent, json, digest: crc32(json, parent ? crc32(parent.json) : 0) }
    } catch (error) {
      if (!(error instanceof UnsendableAccountError) && !(error instanceof CannotSay)) throw error
      refuse(externalId, codeOf(error), error.message)
      return undefined
    }
  }

  const seen = new Set<string>()
  for (const row of parents) {
    if (seen.has(row.external_id!)) continue
    seen.add(row.external_id!)
    const parent = form(row)
    if (parent) made.push(parent)
    for (const child of children?.get(row.external_id!) ?? []) {
      if (seen.has(child.external_id!)) continue
      seen.add(child.external_id!)
      const formed = parent && form(child, parent, row)
      if (formed) made.push(formed)
      else if (!parent)
        refuse(
          child.external_id!,
          'parent_rejected',
          'debt_account.parent_external_id its parent is not sent',
        )
    }
  }
  return made
}
