/** Plans what a push sends, batch by batch. `bulk push` sends the batches, `--dry-run` counts them. */
import type pg from 'pg'
import type { OmittedField } from '../payload/omit-invalid-fields.ts'
import type { Readings } from '../tratta/readings.ts'
import { buildRows, type LocalRejection } from './build-rows.ts'
import { pagesAfter, readOrphaned, reattachedPages, rejectedPages } from './customer-pages.ts'
import type { CustomerSource, CustomersPage, OrphanedAccount } from './customer-source.ts'
import { type KnownAccounts, NOTHING_KNOWN, readKnownAccounts } from './known-accounts.ts'
import { type SameIds, withoutSameIds } from './same-ids.ts'
import { type RowToSend, type Selection, selectAccounts } from './select-accounts.ts'

/** The rows of one request, and what else was found meanwhile. Stored in one transaction. */
export interface Batch {
  rows: RowToSend[]
  /** Of the JSON array. */
  bytes: number
  rejections: LocalRejection[]
  omitted: { customer: string; field: OmittedField }[]
  /** Whether some of the accounts were sent or rejected before. */
  supersedes: boolean
  /** The last customer that is planned completely. */
  position: string
  customers: number
  withoutAccounts: number
  /** Nothing is left to plan; false for the last batch when the limit was reached. */
  isEnd: boolean
}

export interface Plan {
  source: CustomerSource
  /** Undefined when nothing was ever sent to this address. */
  target: number | undefined
  /** Customers after this one. */
  position: string
  selection: Selection
  /** Rows at most. */
  limit: number
  /** May become lower while the plan is read. */
  maxima: RequestMaxima
  signal: AbortSignal
  readings: PlanReadings
  /** `check` reads the orphaned accounts itself. */
  withoutOrphaned?: boolean
}

/** With `idComparison` folded, the ids that Tratta treats as one. */
type PlanReadings = Pick<Readings, 'existingCustomers' | 'ssnLast4'> & { sameIds: SameIds }

export interface RequestMaxima {
  rows: number
  bytes: number
}

/** Customers and rejections of a batch without enough rows. */
const MAX_UNSTORED = 5000
/** The brackets of the array. */
const BRACKETS = 2

export async function* planBatches(pool: pg.Pool, plan: Plan): AsyncGenerator<Batch> {
  const { source, target, selection, maxima, readings } = plan
  let batch = emptyBatch(plan.position)
  let rowsLeft = plan.limit

  function take(isEnd = false): Batch {
    const full = { ...batch, isEnd }
    batch = emptyBatch(full.position)
    return full
  }

  async function knownOf(customers: string[]): Promise<Map<string, KnownAccounts>> {
    return target === undefined ? new Map() : readKnownAccounts(pool, target, customers)
  }

  /** @returns false when the limit is reached */
  async function* planPage(page: CustomersPage, reattached?: Set<string>): AsyncGenerator<Batch, boolean> {
    const allKnown = await knownOf(page.customers.map(({ external_id }) => external_id))
    for (const customer of page.customers) {
      const known = allKnown.get(customer.external_id)
      const built = withoutSameIds(buildRows(customer, page, readings.ssnLast4), readings.sameIds)
      const { rows, rejections } = selectAccounts(built, known, { ...selection, ...readings }, reattached)
      for (const row of rows) {
        const bytes = Buffer.byteLength(row.json) + 1
        if (bytes + BRACKETS > maxima.bytes) {
          rejections.push(tooLarge(row, bytes, maxima.bytes))
          continue
        }
        if (isFull(batch, bytes, maxima)) yield take()
        if (rowsLeft === 0) return false
        rowsLeft -= 1
        batch.rows.push(row)
        batch.bytes += bytes
        batch.supersedes ||= known !== undefined || reattached !== undefined
      }
      batch.rejections.push(...rejections)
      for (const field of built.omitted) batch.omitted.push({ customer: customer.external_id, field })
      batch.customers += 1
      if (customer.accounts.length === 0) batch.withoutAccounts += 1
      if (selection.kind === 'all') batch.position = customer.external_id
      if (batch.customers + batch.rejections.length >= MAX_UNSTORED) yield take()
    }
    return true
  }

  async function* planOrphaned(): AsyncGenerator<Batch> {
    for await (const page of source.orphanedAccounts(MAX_UNSTORED)) {
      const known = await knownOf([
        ...new Set(page.flatMap(({ customer_external_id }) => customer_external_id ?? [])),
      ])
      for (const account of page)
        if (!maybeSent(account, known))
          batch.rejections.push({
            customer: '',
            location: '',
            account: account.external_id,
            reason: { code: account.code },
          })
      yield take()
    }
  }

  async function* planAll(): AsyncGenerator<Batch, boolean> {
    for await (const page of pagesAfter(source, plan.position, plan.signal))
      if (!(yield* planPage(page))) return false
    if (!plan.withoutOrphaned) yield* planOrphaned()
    return true
  }

  async function* planRetry(): AsyncGenerator<Batch, boolean> {
    if (target === undefined) return true
    const orphaned = await readOrphaned(pool, target)
    for await (const page of reattachedPages(source, orphaned))
      if (!(yield* planPage(page, new Set(orphaned)))) return false
    // The pages that follow may hold the same customers: what is stored about them must be complete.
    yield take()
    for await (const page of rejectedPages(pool, source, target)) if (!(yield* planPage(page))) return false
    return true
  }

  const isEnd = yield* selection.kind === 'all' ? planAll() : planRetry()
  yield take(isEnd)
}

/** Whether a row of this size does not fit into the batch. */
const isFull = (batch: Batch, bytes: number, maxima: RequestMaxima) =>
  batch.rows.length >= maxima.rows || batch.bytes + bytes > maxima.bytes

/** Whether Tratta has the account, or may have it. */
function maybeSent(
  { external_id, customer_external_id }: OrphanedAccount,
  known: Map<string, KnownAccounts>,
) {
  const { sent, rejections } = known.get(customer_external_id ?? '') ?? NOTHING_KNOWN
  return sent.has(external_id) || rejections.some((one) => one.isUnknown && one.account === external_id)
}

const emptyBatch = (position: string): Batch => ({
  rows: [],
  bytes: BRACKETS,
  rejections: [],
  omitted: [],
  supersedes: false,
  position,
  customers: 0,
  withoutAccounts: 0,
  isEnd: false,
})

const tooLarge = ({ row, accounts }: RowToSend, bytes: number, maxBytes: number): LocalRejection => ({
  customer: row.customer,
  location: row.location,
  account: '',
  accounts: accounts.map(({ external_id }) => external_id),
  reason: { code: 'too_large', bytes, maxBytes },
})
