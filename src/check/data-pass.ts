/** One pass over all customers and accounts, by the contract of `serve` and `bulk push`. */
import type pg from 'pg'
import { type FormRejectionCode, formRows, rowJson } from '../bulk/form-rows.ts'
import { pagesAfter } from '../bulk/pages.ts'
import { type OrphanCode, readingFrom } from '../bulk/read-customers.ts'
import type { OmittedCounts } from '../bulk/runs.ts'
import { countOmitted } from '../bulk/step.ts'
import type { RelationName, Relations } from '../database/relations.ts'
import { UnsendableAccountError } from '../omit-invalid-fields.ts'
import { toPayload } from '../payload.ts'
import { readableRelations, type UnreadableRows } from './unreadable-rows.ts'

export type RejectionCode = FormRejectionCode | OrphanCode | 'too_large'

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

const MAX_MESSAGES = 200
const EXAMPLES = 3
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
  const source = readingFrom(pool, relations, readableRelations(relations, unreadable))
  const namesUnreadable = (relation: RelationName, id: string | null) =>
    unreadable[relation].some(({ external_id }) => external_id === id)
  const reject = (code: RejectionCode, message: string, example: string) => {
    const found = pass.rejected.get(message)
    if (!found && pass.rejected.size >= MAX_MESSAGES) return
    const { count, examples } = found ?? { count: 0, examples: [] }
    pass.rejected.set(message, {
      code,
      message,
      count: count + 1,
      examples: examples.length < EXAMPLES ? [...examples, example] : examples,
    })
  }
  pass.customersTotal = await source.countAfter('')
  for await (const page of pagesAfter(source, '', signal))
    for (const customer of page.customers) {
      const { rows, refusals, omitted } = formRows(customer, page)
      for (const { account, customer, code, reason } of refusals) reject(code, reason, account || customer)
      for (const one of omitted) countOmitted(pass.omitted, one.customer, one.omitted)
      for (const row of rows) {
        if (Buffer.byteLength(rowJson(row, row.accounts)) + 3 > maxRowBytes)
          reject('too_large', 'customer its accounts take more than TRATTA_BULK_BYTES', customer.external_id)
        else pass.debtAccounts += row.accounts.length
      }
      pass.customers += 1
    }
  for await (const orphaned of source.orphanedAccounts(ORPHANS_PER_PAGE)) {
    signal.throwIfAborted()
    for (const { external_id, customer_external_id, code, reason, is_duplicate, row } of orphaned) {
      // The pass does not see the customer or the parent, but it exists.
      if (
        !namesUnreadable('customers', customer_external_id) &&
        !namesUnreadable('debt_accounts', row.debt_account.parent_external_id)
      )
        reject(code, reason, external_id)
      if (is_duplicate) reject('duplicate', 'debt_account is there twice', external_id)
      try {
        toPayload(row)
      } catch (error) {
        if (!(error instanceof UnsendableAccountError)) throw error
        reject('unsendable', error.message, external_id)
      }
    }
  }
}
