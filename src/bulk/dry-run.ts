/** What a push would send and reject: plans everything, sends and stores nothing. */
import type pg from 'pg'
import { countOmitted, type OmittedCounts } from './omitted-counts.ts'
import { type Plan, planBatches } from './plan.ts'
import type { PushProgress } from './progress.ts'
import { type ReasonCode, reasonKind } from './rejection-reasons.ts'

export interface DryRun {
  customers: number
  without_accounts: number
  /** A customer is one row, or one for each of its locations. */
  rows: number
  debt_accounts: number
  requests: number
  bytes: number
  rejected: RejectedCount[]
  omitted: OmittedCounts
}

interface RejectedCount {
  code: ReasonCode
  message: string
  count: number
  /** external_ids of three accounts or customers. */
  examples: string[]
}

const MAX_MESSAGES = 200
const EXAMPLES = 3

export async function dryRun(pool: pg.Pool, plan: Plan, progress: PushProgress): Promise<DryRun> {
  const report: DryRun = {
    customers: 0,
    without_accounts: 0,
    rows: 0,
    debt_accounts: 0,
    requests: 0,
    bytes: 0,
    rejected: [],
    omitted: {},
  }
  const rejected = new Map<string, RejectedCount>()
  for await (const batch of planBatches(pool, plan)) {
    report.customers += batch.customers
    report.without_accounts += batch.withoutAccounts
    report.rows += batch.rows.length
    report.debt_accounts += batch.rows.reduce((sum, { accounts }) => sum + accounts.length, 0)
    if (batch.rows.length > 0) {
      report.requests += 1
      report.bytes += batch.bytes
    }
    for (const { customer, field } of batch.omitted) countOmitted(report.omitted, customer, field)
    for (const { account, customer, reason } of batch.rejections)
      countRejected(rejected, reason.code, reasonKind(reason), account || customer)
    progress.read = report.customers
    progress.sent = report.rows
    progress.rejected += batch.rejections.length
  }
  report.rejected = [...rejected.values()].sort((one, other) => other.count - one.count)
  return report
}

/** Counts equal messages, the first 200 of them. */
export function countRejected<Code extends string>(
  counts: Map<string, { code: Code; message: string; count: number; examples: string[] }>,
  code: Code,
  message: string,
  example: string,
) {
  let counted = counts.get(message)
  if (!counted) {
    if (counts.size >= MAX_MESSAGES) return
    counted = { code, message, count: 0, examples: [] }
    counts.set(message, counted)
  }
  counted.count += 1
  if (counted.examples.length < EXAMPLES) counted.examples.push(example)
}
