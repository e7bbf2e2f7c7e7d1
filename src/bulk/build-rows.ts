/**
 * The rows of Bulk's array, `{customer, location, parent_debt_accounts, debt_accounts}` ("Bulk", Parameters).
 *
 * A row has one location, so a customer becomes one row for each location of its accounts without a parent. A
 * child goes into the row of its parent. Its own location, if it differs, becomes an item of its `locations`
 * ("Debt account", locations).
 */
import { crc32 } from 'node:zlib'
import { Customer, Location } from '../contract.ts'
import type { DebtAccountRow } from '../database/account-row.ts'
import type { Json } from '../json.ts'
import { omitInvalidResource } from '../payload/build-payload.ts'
import type { SsnLast4Format } from '../payload/column-values.ts'
import {
  type OmittedField,
  omitInvalidFields,
  resourceContract,
  runToEnd,
} from '../payload/omit-invalid-fields.ts'
import { customer, location } from '../payload/resources.ts'
import { type BuiltAccount, buildAccounts, reasonOf } from './build-accounts.ts'
import type { CustomersPage, CustomerWithAccounts } from './customer-source.ts'
import { type Reason, RejectedError } from './rejection-reasons.ts'

export interface BuiltRow {
  customer: string
  /** Empty for accounts without a location. */
  location: string
  customerJson: string
  locationJson: string | undefined
  /** CRC-32. Changes when the customer or the location does. */
  digest: number
  accounts: BuiltAccount[]
}

/** What is not sent: Tratta would reject it, or it is ambiguous. */
export interface LocalRejection {
  /** Empty for an orphaned account. */
  customer: string
  location: string
  /** Empty for the whole row. */
  account: string
  /** The accounts of a whole row. */
  accounts?: string[]
  reason: Reason
}

export interface BuiltRows {
  rows: BuiltRow[]
  rejections: LocalRejection[]
  omitted: OmittedField[]
}

const CUSTOMER = resourceContract(Customer)
const LOCATION = resourceContract(Location)

export function buildRows(
  found: CustomerWithAccounts,
  page: CustomersPage,
  format: SsnLast4Format = 'any',
): BuiltRows {
  const built: BuiltRows = { rows: [], rejections: [], omitted: [] }
  const parents = found.accounts.filter(({ parent_external_id }) => parent_external_id === null)
  for (const [locationId, group] of Map.groupBy(parents, (row) => row.location_external_id ?? ''))
    buildRow({ found, page, format }, locationId, group, built)
  return built
}

function buildRow(
  {
    found,
    page: { locations },
    format,
  }: { found: CustomerWithAccounts; page: CustomersPage; format: SsnLast4Format },
  locationId: string,
  parents: DebtAccountRow[],
  { rows, rejections, omitted }: BuiltRows,
) {
  const key = { customer: found.external_id, location: locationId }
  const reject = (account: string, reason: Reason) => rejections.push({ ...key, account, reason })
  try {
    const customerRow = found.rows[0]
    if (!customerRow) throw new RejectedError({ code: 'customer_missing' })
    if (found.rows.length > 1) throw new RejectedError({ code: 'duplicate', resource: 'customer' })
    const locationRows = locations.get(locationId) ?? []
    if (locationRows.length > 1) throw new RejectedError({ code: 'duplicate', resource: 'location' })
    const fields = customer(customerRow, omitted, format)
    runToEnd(omitInvalidFields(fields, CUSTOMER, ['customer'], omitted))
    const owner: Json = {}
    if (locationRows[0]) {
      owner.location = location(locationRows[0], omitted)
      // As in the responder: an account is sent without a location that cannot be sent.
      runToEnd(omitInvalidResource(owner, 'location', LOCATION, omitted))
    }
    const customerJson = JSON.stringify(fields)
    const locationJson = owner.location === undefined ? undefined : JSON.stringify(owner.location)
    const accounts = buildAccounts(parents, found, locations, reject, omitted)
    if (accounts.length === 0) return
    const digest = crc32(locationJson ?? '', crc32(customerJson))
    rows.push({ ...key, customerJson, locationJson, digest, accounts })
  } catch (error) {
    const ids = new Set(parents.map(({ external_id }) => external_id!))
    const accounts = found.accounts
      .filter(({ external_id, parent_external_id }) => ids.has(parent_external_id ?? external_id!))
      .map(({ external_id }) => external_id!)
    rejections.push({ ...key, account: '', accounts: [...new Set(accounts)], reason: reasonOf(error) })
  }
}

/** The JSON of a row with these of its accounts. A parent without a child among them is a plain account. */
export function rowJson({ customerJson, locationJson }: BuiltRow, accounts: BuiltAccount[]): string {
  const parents = new Set(accounts.map(({ parent }) => parent))
  const list = (isParent: boolean) =>
    accounts.flatMap((account) => (parents.has(account) === isParent ? account.json : [])).join(',')
  const nested = list(true)
  const location = locationJson === undefined ? '' : `"location":${locationJson},`
  const explicit = nested === '' ? '' : `"parent_debt_accounts":[${nested}],`
  return `{"customer":${customerJson},${location}${explicit}"debt_accounts":[${list(false)}]}`
}
