/** One pass over all customers and accounts, by the contract of `serve` and `bulk push`. */
import type pg from 'pg'
import { createCustomerSource } from '../bulk/customer-source.ts'
import { countRejected } from '../bulk/dry-run.ts'
import { countOmitted, type OmittedCounts } from '../bulk/omitted-counts.ts'
import { MAX_ROWS, planBatches } from '../bulk/plan.ts'
import { type ReasonCode, reasonKind } from '../bulk/rejection-reasons.ts'
import type { RelationName, Relations } from '../database/relations.ts'
import { buildPayload } from '../payload/build-payload.ts'
import { UnsendableAccountError } from '../payload/omit-invalid-fields.ts'
import { readableRelations, type UnreadableRows } from './readable-relations.ts'

export type RejectionCode = ReasonCode

export interface Rejection {
  code: RejectionCode
  message: string
  count: number
  /** external_ids of three accounts or customers. */
  examples: string[]
}

export interface Pass {
  customers: number
  customersTotal: number
  debtAccounts: number
  /** By message. */
  rejected: Map<string, Rejection>
  omitted: OmittedCounts
}

const ORPHANS_PER_PAGE = 5000

export const emptyPass = (): Pass => ({
  customers: 0,
  customersTotal: 0,
  debtAccounts: 0,
  rejected: new Map(),
  omitted: {},
})

/** Adds what it finds to `pass`, so that the caller can show progress. */
export async function readAll(
  pool: pg.Pool,
  relations: Relations,
  unreadable: UnreadableRows,
  maxRowBytes: number,
  pass: Pass,
  signal: AbortSignal,
): Promise<void> {
  const source = createCustomerSource(pool, relations, readableRelations(relations, unreadable))
  const namesUnreadable = (relation: RelationName, id: string | null) =>
    unreadable[relation].some(({ external_id }) => external_id === id)
  const reject = (code: RejectionCode, message: string, example: string) =>
    countRejected(pass.rejected, code, message, example)
  pass.customersTotal = await source.countAfter('')
  const plan = {
    source,
    target: undefined,
    position: '',
    selection: { kind: 'all', unchanged: false },
    limit: Number.POSITIVE_INFINITY,
    maxima: { rows: MAX_ROWS, bytes: maxRowBytes },
    signal,
    withoutOrphaned: true,
  } as const
  for await (const batch of planBatches(pool, plan)) {
    pass.customers += batch.customers
    pass.debtAccounts += batch.rows.reduce((sum, { accounts }) => sum + accounts.length, 0)
    for (const { account, customer, reason } of batch.rejections)
      reject(reason.code, reasonKind(reason), account || customer)
    for (const { customer, field } of batch.omitted) countOmitted(pass.omitted, customer, field)
  }
  for await (const orphaned of source.orphanedAccounts(ORPHANS_PER_PAGE)) {
    signal.throwIfAborted()
    for (const { external_id, customer_external_id, code, is_duplicate, row } of orphaned) {
      // The pass does not see the customer or the parent, but it exists.
      if (
        !namesUnreadable('customers', customer_external_id) &&
        !namesUnreadable('debt_accounts', row.debt_account.parent_external_id)
      )
        reject(code, reasonKind({ code }), external_id)
      if (is_duplicate)
        reject('duplicate', reasonKind({ code: 'duplicate', resource: 'debt_account' }), external_id)
      try {
        buildPayload(row)
      } catch (error) {
        if (!(error instanceof UnsendableAccountError)) throw error
        reject('unsendable', error.message, external_id)
      }
    }
  }
}
