/** Customers and accounts that Tratta treats as one are not sent: their data would be mixed. */
import type pg from 'pg'
import type { Relations } from '../database/relations.ts'
import { readSameIds } from '../database/same-ids.ts'
import type { Readings } from '../tratta/readings.ts'
import type { BuiltRows } from './build-rows.ts'

export interface SameIds {
  customers: ReadonlySet<string>
  accounts: ReadonlySet<string>
}

export const NO_SAME_IDS: SameIds = { customers: new Set(), accounts: new Set() }

export async function findSameIds(
  pool: pg.Pool,
  relations: Relations,
  { idComparison }: Pick<Readings, 'idComparison'>,
): Promise<SameIds> {
  if (idComparison === 'exact') return NO_SAME_IDS
  return {
    customers: new Set(await readSameIds(pool, relations, 'customers')),
    accounts: new Set(await readSameIds(pool, relations, 'debt_accounts')),
  }
}

/** Children of an account that is not sent are not sent either. */
export function withoutSameIds(built: BuiltRows, { customers, accounts }: SameIds): BuiltRows {
  if (customers.size + accounts.size === 0) return built
  const rejections = [...built.rejections]
  const rows = built.rows.flatMap((row) => {
    const isSame = customers.has(row.customer)
    const sendable = row.accounts.filter((account) => {
      const { external_id, parent } = account
      const isSendable = !isSame && !accounts.has(external_id)
      const hasParent = !parent || !accounts.has(parent.external_id)
      if (isSendable && hasParent) return true
      rejections.push({
        customer: row.customer,
        location: row.location,
        account: external_id,
        reason: { code: isSendable ? 'parent_rejected' : 'same_id' },
      })
      return false
    })
    return sendable.length > 0 ? [{ ...row, accounts: sendable }] : []
  })
  return { ...built, rows, rejections }
}
