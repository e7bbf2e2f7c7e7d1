/** What a push would send, and what it would refuse: forms and checks everything, sends and writes nothing. */
import type pg from 'pg'
import { chooseRows, knownOf } from './choose-rows.ts'
import { formRows } from './form-rows.ts'
import { foundPages, pagesAfter, refusedPages, refusedWithoutCustomer } from './pages.ts'
import type { Progress, PushOptions } from './push.ts'
import type { CustomersPage, Source } from './read-customers.ts'
import type { OmittedCounts } from './runs.ts'
import { countOmitted } from './step.ts'

export interface DryRun {
  customers: number
  without_accounts: number
  /** Of the array: a customer is one, or one for each of its locations. */
  rows: number
  debt_accounts: number
  requests: number
  bytes: number
  refused: OmittedCounts
  omitted: OmittedCounts
}

const MOST_ROWS = 1000
const MOST_REASONS = 200

export async function dryRun(
  pool: pg.Pool,
  source: Source,
  target: number | undefined,
  position: string,
  { kind, limit, mostBytes, signal, progress }: PushOptions & { progress: Progress },
): Promise<DryRun> {
  const report: DryRun = {
    customers: 0,
    without_accounts: 0,
    rows: 0,
    debt_accounts: 0,
    requests: 0,
    bytes: 0,
    refused: {},
    omitted: {},
  }
  let inRequest = { rows: MOST_ROWS, bytes: 0 }
  const refuse = (reason: string, example: string) => {
    const { refused } = report
    const isOneTooMany = !refused[reason] && Object.keys(refused).length >= MOST_REASONS
    const name = isOneTooMany ? 'other reasons' : reason
    refused[name] ??= { count: 0, examples: [] }
    const entry = refused[name]
    entry.count += 1
    if (entry.examples.length < 3) entry.examples.push(example)
    progress.refused += 1
  }

  async function take(page: CustomersPage, found?: Set<string>): Promise<boolean> {
    const keys = page.customers.map(({ external_id }) => external_id)
    const known = target === undefined ? new Map() : await knownOf(pool, target, keys)
    for (const customer of page.customers) {
      const formed = formRows(customer, page)
      const { rows, refusals } = chooseRows(customer, formed, known.get(customer.external_id), kind, found)
      for (const { account, customer, reason } of refusals) refuse(reason, account || customer)
      for (const { customer, omitted } of formed.omitted) countOmitted(report.omitted, customer, omitted)
      for (const { json, accounts } of rows) {
        const bytes = Buffer.byteLength(json) + 1
        if (bytes + 2 > mostBytes) {
          refuse('customer its accounts take more than TRATTA_BULK_BYTES', customer.external_id)
          continue
        }
        if (report.rows === limit) return false
        if (inRequest.rows === MOST_ROWS || inRequest.bytes + bytes + 2 > mostBytes) {
          inRequest = { rows: 0, bytes: 0 }
          report.requests += 1
        }
        inRequest.rows += 1
        inRequest.bytes += bytes
        report.rows += 1
        report.debt_accounts += accounts.length
        report.bytes += bytes
      }
      report.customers += 1
      progress.read += 1
      progress.sent = report.rows
      if (customer.accounts.length === 0) report.without_accounts += 1
    }
    return true
  }

  if (kind === 'retry') {
    if (target === undefined) return report
    const lost = await refusedWithoutCustomer(pool, target)
    for await (const page of foundPages(source, lost)) if (!(await take(page, new Set(lost)))) return report
    for await (const page of refusedPages(pool, source, target)) if (!(await take(page))) return report
    return report
  }
  progress.total = await source.countAfter(position)
  for await (const page of pagesAfter(source, position, signal)) if (!(await take(page))) return report
  for await (const orphaned of source.orphanedAccounts(5000))
    for (const { external_id, reason } of orphaned) refuse(reason, external_id)
  return report
}
