/** Places customers at Tratta ("Bulk"): reads, forms, writes down, sends, settles. Stops and goes on anywhere. */
import type pg from 'pg'
import type { TrattaClient } from '../tratta/client.ts'
import { TrattaError } from '../tratta/tratta-error.ts'
import { chooseRows, knownOf, sameAgain } from './choose-rows.ts'
import { deliver, PushStopped, patience } from './deliver.ts'
import { formRows, type OurRefusal } from './form-rows.ts'
import { foundPages, pagesAfter, refusedPages, refusedWithoutCustomer } from './pages.ts'
import type { CustomersPage, OrphanedAccount, Source } from './read-customers.ts'
import {
  dropFromRequest,
  markEmpty,
  type OpenRequest,
  openRequests,
  type RowToSend,
  rowsOf,
  type WrittenRow,
  writeStep,
} from './requests.ts'
import { endRun, type Run } from './runs.ts'
import { settleQueue } from './settle-queue.ts'
import { createStep } from './step.ts'

export interface Progress {
  /** Customers that were read. */
  read: number
  /** That are to be read; undefined until they are counted. */
  total: number | undefined
  /** Rows that Tratta has taken over, to judge them. A customer is one, or one for each of its locations. */
  sent: number
  requests: number
  /** Rows with something that was refused, by us or by Tratta. */
  refused: number
  /** Requests whose refusals are still to be read. */
  waiting: number
  /** As the limit allows them. */
  secondsARequest: number
}

export interface PushOptions {
  kind: Run['kind']
  /** Rows at most, for this time. */
  limit: number
  mostBytes: number
  waitMs: number
  signal: AbortSignal
  progress: Progress
}

export interface PushResult {
  /** All that there was to do is done. */
  complete: boolean
  /** Requests of which it is not known whether they arrived. */
  unknown: number
  /** What Tratta would not say of single requests. */
  unreadable: string[]
}

const MOST_ROWS = 1000
const UNDER_WAY = 6
/** Steps without rows to send are written every so many. */
const MOST_UNWRITTEN = 5000

export async function push(
  pool: pg.Pool,
  source: Source,
  client: TrattaClient,
  run: Run,
  options: PushOptions,
): Promise<PushResult> {
  const { kind, limit, mostBytes, progress } = options
  const stop = new AbortController()
  const signal = AbortSignal.any([stop.signal, options.signal])
  const patient = patience()
  const result: PushResult = { complete: false, unknown: 0, unreadable: [] }
  const underWay = new Set<Promise<void>>()
  const settling = settleQueue({
    pool,
    client,
    waitMs: options.waitMs,
    patient,
    signal,
    onSettled(rows) {
      progress.refused += rows
      progress.waiting = settling.waiting - 1
    },
    onUnreadable: (message) => result.unreadable.push(message),
    onFailed: (error) => stop.abort(error),
  })

  async function room() {
    while (underWay.size >= UNDER_WAY) await Promise.race(underWay)
    signal.throwIfAborted()
  }

  function send(request: string, rows: RowToSend[]) {
    const body = Buffer.from(`[${rows.map(({ json }) => json).join(',')}]`)
    // Nothing that waits for Tratta may hold the rows: only their number, and the body.
    const count = rows.length
    const sending = deliver(pool, client, { request, rows: count, body }, patient, signal)
      .then((taken) => {
        if (!taken) {
          result.unknown += 1
          return
        }
        progress.sent += count
        progress.requests += 1
        settling.add({ request, ...taken, ageMs: 0 })
        progress.waiting = settling.waiting
      })
      .catch((error) => stop.abort(error))
      .finally(() => underWay.delete(sending))
    underWay.add(sending)
  }

  const stepping = createStep(run)
  let sentRows = 0
  async function flush() {
    const { step } = stepping
    await room()
    const request = await writeStep(pool, run, step)
    progress.refused += new Set(
      step.refusals.map(({ customer, location }) => `${customer}\n${location}`),
    ).size
    if (request !== undefined) send(request, step.rows)
    stepping.next()
  }

  /** @returns false when the limit is reached */
  async function place(page: CustomersPage, found?: Set<string>): Promise<boolean> {
    const keys = page.customers.map(({ external_id }) => external_id)
    const known = await knownOf(pool, run.target, keys)
    for (const customer of page.customers) {
      const formed = formRows(customer, page)
      const isKnown = known.get(customer.external_id)
      const { rows, refusals } = chooseRows(customer, formed, isKnown, kind, found)
      for (const row of rows) {
        const bytes = Buffer.byteLength(row.json) + 1
        if (bytes + 2 > mostBytes) {
          refusals.push({
            customer: customer.external_id,
            location: row.row.location,
            account: '',
            reason: `customer its accounts take ${bytes} bytes, more than TRATTA_BULK_BYTES (${mostBytes})`,
          })
          continue
        }
        if (stepping.step.rows.length === MOST_ROWS || stepping.bytes + bytes + 2 > mostBytes) await flush()
        if (sentRows === limit) return false
        sentRows += 1
        stepping.add(row, bytes, isKnown !== undefined || found !== undefined)
      }
      stepping.finish(customer.external_id, refusals, formed.omitted, customer.accounts.length === 0)
      progress.read += 1
      if (stepping.unwritten >= MOST_UNWRITTEN) await flush()
    }
    return true
  }

  try {
    await sendAgain(await openRequests(pool, run.target))
    const all = kind === 'all' ? await placeAll() : await placeRefused()
    await flush()
    while (underWay.size > 0) await Promise.race(underWay)
    signal.throwIfAborted()
    await settling.drain()
    progress.waiting = 0
    result.complete = all && result.unknown === 0 && result.unreadable.length === 0
    if (all) await endRun(pool, run)
    return result
  } catch (error) {
    stop.abort(error)
    await Promise.all(underWay)
    await settling.drain().catch(() => {})
    // What stopped it first, not what came of stopping.
    const cause = signal.reason ?? error
    throw cause instanceof TrattaError ? new PushStopped(cause.message) : cause
  }

  async function placeAll() {
    source.countAfter(run.position).then(
      (count) => {
        progress.total = progress.read + count
      },
      () => {},
    )
    for await (const page of pagesAfter(source, run.position, signal)) if (!(await place(page))) return false
    await refuseLost()
    return true
  }

  async function placeRefused() {
    const lost = await refusedWithoutCustomer(pool, run.target)
    for await (const page of foundPages(source, lost)) if (!(await place(page, new Set(lost)))) return false
    // What follows looks at what is written down, and some of these customers come again.
    await flush()
    for await (const page of refusedPages(pool, source, run.target)) if (!(await place(page))) return false
    return true
  }

  async function refuseLost() {
    for await (const orphaned of source.orphanedAccounts(MOST_UNWRITTEN)) {
      const taken = await knownOf(pool, run.target, [
        ...new Set(orphaned.flatMap((account) => account.customer_external_id ?? [])),
      ])
      const isTaken = ({ external_id, customer_external_id }: OrphanedAccount) =>
        taken.get(customer_external_id ?? '')?.sent.has(external_id)
      stepping.step.refusals.push(
        ...orphaned
          .filter((account) => !isTaken(account))
          .map(({ external_id, reason }) => ({ customer: '', location: '', account: external_id, reason })),
      )
      await flush()
    }
  }

  /** What a push before this one has written down and not settled. */
  async function sendAgain(open: OpenRequest[]) {
    for (const { request, state, age_ms, bulk_id, completed } of open) {
      if (state === 'sent') {
        settling.add({ request, bulkId: bulk_id!, completed, ageMs: age_ms })
        continue
      }
      await room()
      const written = await rowsOf(pool, request)
      const rows = await formAgain(request, written)
      if (rows.length > 0) send(request, rows)
      else await markEmpty(pool, request)
    }
    progress.waiting = settling.waiting
  }

  async function formAgain(request: string, written: WrittenRow[]): Promise<RowToSend[]> {
    const keys = [...new Set(written.map((row) => row.customer_external_id))]
    const page = await source.customers(keys)
    const customers = new Map(page.customers.map((customer) => [customer.external_id, customer]))
    const gone: WrittenRow[] = []
    const refusals: OurRefusal[] = []
    const rows: RowToSend[] = []
    for (const row of written) {
      const formed = formRows(customers.get(row.customer_external_id)!, page)
      const again = sameAgain(formed, row.location_external_id, row.debt_accounts)
      if (again) rows.push(again)
      const still = new Set(again?.accounts.map(({ external_id }) => external_id))
      const lost = row.debt_accounts.filter((account) => !still.has(account))
      if (lost.length === 0) continue
      gone.push({ ...row, debt_accounts: lost })
      for (const account of lost) {
        const because = formed.refusals.find((one) => one.account === account || one.account === '')?.reason
        const reason = `debt_account ${because ?? 'is no longer there'}; whether it had arrived is unknown`
        const { customer_external_id: customer, location_external_id: location } = row
        refusals.push({ customer, location, account, reason })
      }
    }
    if (gone.length > 0) await dropFromRequest(pool, run, request, gone, refusals)
    return rows
  }
}
