/** Reads all customers and accounts, and validates them by the rules of `serve` and `bulk push`. */
import type pg from 'pg'
import { createCustomerSource } from '../bulk/customer-source.ts'
import { countRejected } from '../bulk/dry-run.ts'
import { countOmitted, type OmittedCounts } from '../bulk/omitted-counts.ts'
import { planBatches } from '../bulk/plan.ts'
import { type ReasonCode, reasonKind } from '../bulk/rejection-reasons.ts'
import { NO_SAME_IDS } from '../bulk/same-ids.ts'
import type { RelationName } from '../database/columns.ts'
import type { Relations } from '../database/relations.ts'
import { buildPayload } from '../payload/build-payload.ts'
import { UnsendableAccountError } from '../payload/omit-invalid-fields.ts'
import type { Readings } from '../tratta/readings.ts'
import { excludeUnreadableRows, type UnreadableRows } from './exclude-unreadable-rows.ts'

export type RejectionCode = ReasonCode

export interface Rejection {
  code: RejectionCode
  message: string
  count: number
  /** external_ids of three accounts or customers. */
  examples: string[]
}

export interface DataScan {
  customers: number
  customersTotal: number
  debtAccounts: number
  /** By message. */
  rejected: Map<string, Rejection>
  omitted: OmittedCounts
}

const ORPHANS_PER_PAGE = 5000

export const emptyScan = (): DataScan => ({
  customers: 0,
  customersTotal: 0,
  debtAccounts: 0,
  rejected: new Map(),
  omitted: {},
})

/** Adds each result to `scan` immediately, so that the caller can show progress. */
export async function scanData(
  pool: pg.Pool,
  relations: Relations,
  unreadable: UnreadableRows,
  readings: Readings,
  scan: DataScan,
  signal: AbortSignal,
): Promise<void> {
  const hasUnreadable = Object.values(unreadable).some(({ length }) => length > 0)
  const source = createCustomerSource(
    pool,
    relations,
    hasUnreadable ? excludeUnreadableRows(relations, unreadable) : undefined,
  )
  const isUnreadable = (relation: RelationName, id: string | null) =>
    unreadable[relation].some(({ external_id }) => external_id === id)
  const reject = (code: RejectionCode, message: string, example: string) =>
    countRejected(scan.rejected, code, message, example)
  scan.customersTotal = await source.countAfter('')
  const plan = {
    source,
    target: undefined,
    position: '',
    selection: { kind: 'all', unchanged: false },
    limit: Number.POSITIVE_INFINITY,
    maxima: { rows: readings.maxBulkRows, bytes: readings.maxBulkBytes },
    // The check of ids reports them.
    readings: { ...readings, sameIds: NO_SAME_IDS },
    signal,
    withoutOrphaned: true,
  } as const
  for await (const batch of planBatches(pool, plan)) {
    scan.customers += batch.customers
    scan.debtAccounts += batch.rows.reduce((sum, { accounts }) => sum + accounts.length, 0)
    for (const { account, customer, reason } of batch.rejections)
      reject(reason.code, reasonKind(reason), account || customer)
    for (const { customer, field } of batch.omitted) countOmitted(scan.omitted, customer, field)
  }
  for await (const orphaned of source.orphanedAccounts(ORPHANS_PER_PAGE)) {
    signal.throwIfAborted()
    for (const { external_id, customer_external_id, code, is_duplicate, row } of orphaned) {
      // A customer or parent that cannot be read is excluded from the scan, but it exists.
      if (
        !isUnreadable('customers', customer_external_id) &&
        !isUnreadable('debt_accounts', row.debt_account.parent_external_id)
      )
        reject(code, reasonKind({ code }), external_id)
      if (is_duplicate)
        reject('duplicate', reasonKind({ code: 'duplicate', resource: 'debt_account' }), external_id)
      try {
        buildPayload(row, readings.ssnLast4)
      } catch (error) {
        if (!(error instanceof UnsendableAccountError)) throw error
        reject('unsendable', error.message, external_id)
      }
    }
  }
}
