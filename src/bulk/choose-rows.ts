/** Which of a customer's accounts are to be sent, by what was sent and refused before. */
import type pg from 'pg'
import { type Formed, type FormedAccount, type FormedRow, type OurRefusal, rowJson } from './form-rows.ts'
import type { CustomerWithAccounts } from './read-customers.ts'
import type { RowToSend } from './requests.ts'
import type { Run } from './runs.ts'

/** What is known of one customer's accounts. */
export interface Known {
  /** By account: its last request, and where it stood. */
  sent: Map<string, { request: string; location: string }>
  refusals: KnownRefusal[]
}

interface KnownRefusal {
  location: string
  /** Empty for the whole row. */
  account: string
  refused_by: 'us' | 'tratta'
  digest: number | null
  request: string | null
}

export async function knownOf(
  pool: pg.Pool,
  target: number,
  customers: string[],
): Promise<Map<string, Known>> {
  const known = new Map<string, Known>()
  const of = (customer: string) => {
    const found: Known = known.get(customer) ?? { sent: new Map(), refusals: [] }
    known.set(customer, found)
    return found
  }
  const rows = await pool.query(
    `select customer_external_id, location_external_id, request, debt_accounts
     from tratta_jit.bulk_rows where target = $1 and customer_external_id = any($2)`,
    [target, customers],
  )
  for (const { customer_external_id, location_external_id, request, debt_accounts } of rows.rows)
    for (const account of debt_accounts)
      of(customer_external_id).sent.set(account, { request, location: location_external_id })
  const refusals = await pool.query(
    `select customer_external_id, location_external_id, debt_account_external_id, refused_by, digest, request
     from tratta_jit.bulk_refusals where target = $1 and customer_external_id = any($2)`,
    [target, customers],
  )
  for (const row of refusals.rows)
    of(row.customer_external_id).refusals.push({
      location: row.location_external_id,
      account: row.debt_account_external_id,
      refused_by: row.refused_by,
      digest: row.digest,
      request: row.request,
    })
  return known
}

/**
 * @param kind `all`: what was never sent. `retry`: what was refused and has changed since.
 * @param found accounts that stood below no customer, and now do
 */
export function chooseRows(
  customer: CustomerWithAccounts,
  formed: Formed,
  known: Known = { sent: new Map(), refusals: [] },
  kind: Run['kind'] = 'all',
  found?: Set<string>,
): { rows: RowToSend[]; refusals: OurRefusal[] } {
  if (kind === 'all' && known.sent.size + known.refusals.length === 0)
    return { rows: formed.rows.map((row) => toSend(row, row.accounts)), refusals: formed.refusals }

  const own = new Map(known.refusals.map((refusal) => [refusal.account, refusal]))
  const whole = (location: string) =>
    known.refusals.find(
      (refusal) => refusal.account === '' && refusal.location === location && refusal.request !== null,
    )
  const isOurs = (row: FormedRow) =>
    known.refusals.some(
      ({ account, location, refused_by }) =>
        account === '' && location === row.location && refused_by === 'us',
    )
  const refusalsOf = (account: string) => {
    const sent = known.sent.get(account)
    const row = sent && whole(sent.location)
    return { own: own.get(account), row: row?.request === sent?.request ? row : undefined }
  }
  const isTaken = (account: string) => {
    const refused = refusalsOf(account)
    return known.sent.has(account) && !refused.own && !refused.row
  }
  const refusals: OurRefusal[] = formed.refusals.filter(({ account, location }) =>
    account === ''
      ? customer.accounts.some(
          (row) => (row.location_external_id ?? '') === location && !isTaken(row.external_id!),
        )
      : !isTaken(account),
  )

  const isWanted = (row: FormedRow, account: FormedAccount) => {
    const refused = refusalsOf(account.external_id)
    if (!known.sent.has(account.external_id))
      return (
        kind === 'all' || refused.own?.refused_by === 'us' || isOurs(row) || found?.has(account.external_id)
      )
    if (kind === 'all' || (!refused.own && !refused.row)) return false
    const hasChanged = !refused.own || refused.own.digest !== (account.digest | 0)
    return hasChanged && (!refused.row || refused.row.digest !== (row.digest | 0))
  }

  const rows: RowToSend[] = []
  for (const row of formed.rows) {
    const blocked = whole(row.location)
    const isBlocked = blocked !== undefined && blocked.digest === (row.digest | 0)
    const accounts = new Set<FormedAccount>()
    for (const account of row.accounts) {
      if (!isWanted(row, account)) continue
      const { parent } = account
      const parentGoes = !parent || accounts.has(parent) || isTaken(parent.external_id)
      if (!isBlocked && parentGoes) accounts.add(account)
      else if (!known.sent.has(account.external_id))
        refusals.push({
          customer: row.customer,
          location: row.location,
          account: account.external_id,
          reason: isBlocked
            ? 'debt_account its customer or location is refused by Tratta'
            : 'debt_account.parent_external_id its parent is refused by Tratta',
        })
    }
    if (accounts.size > 0) rows.push(toSend(row, [...accounts]))
  }
  return { rows, refusals }
}

const toSend = (row: FormedRow, accounts: FormedAccount[]): RowToSend => ({
  row,
  accounts,
  json: rowJson(row, accounts),
})

/** The accounts of this list that can still be formed, for a request whose fate is unknown. */
export function sameAgain(formed: Formed, location: string, accounts: string[]): RowToSend | undefined {
  const wanted = new Set(accounts)
  // Where it stands now, should it have moved to another location.
  const rows = formed.rows.toSorted(
    (a, b) => Number(b.location === location) - Number(a.location === location),
  )
  for (const row of rows) {
    const still = row.accounts.filter(({ external_id }) => wanted.has(external_id))
    if (still.length > 0) return toSend(row, still)
  }
  return undefined
}
