/** The report of a sample: counts, reasons with examples, latency, and fields with another value at Tratta. */
import { formatNumber } from '../terminal/format.ts'
import type { SampleResult, SampleRow } from './sample-store.ts'

const MAX_EXAMPLES = 3

interface Group {
  /** `field: message`, or the name of a field. */
  reason: string
  accounts: number
  examples: string[]
}

/** Milliseconds. */
interface Latency {
  p50: number
  p95: number
  worst: number
}

interface SampleReport {
  accounts: number
  accepted: number
  rejected: number
  our_errors: number
  no_answer: number
  /** Accounts without a result. */
  left: number
  rejections: Group[]
  errors: Group[]
  unanswered: Group[]
  /** Of `serve`, from the call log, or of the lookup in this process. */
  our_ms: (Latency & { of: 'serve' | 'lookup' }) | null
  /** Of the whole trigger, with our answer. */
  tratta_ms: Latency | null
  differs: Group[]
  /** Fields that Tratta's answer does not contain. */
  not_returned: Group[]
}

/** @param callTimes of `serve` in milliseconds; empty if there is no call log */
export function reportOf(rows: SampleRow[], callTimes: number[]): SampleReport {
  const count = (result: SampleResult | null) => rows.filter((row) => row.result === result).length
  const reasonsOf = (result: SampleResult) =>
    groups(rows, (row) => (row.result === result ? row.reasons : []))
  const lookups = latency(rows.flatMap(({ our_ms }) => our_ms ?? []))
  const served = latency(callTimes)
  return {
    accounts: rows.length,
    accepted: count('accepted'),
    rejected: count('rejected'),
    our_errors: count('our_error'),
    no_answer: count('no_answer'),
    left: count(null),
    rejections: reasonsOf('rejected'),
    errors: reasonsOf('our_error'),
    unanswered: reasonsOf('no_answer'),
    our_ms: served ? { ...served, of: 'serve' } : lookups && { ...lookups, of: 'lookup' },
    tratta_ms: latency(rows.flatMap(({ tratta_ms }) => tratta_ms ?? [])),
    differs: groups(rows, ({ differs }) => differs),
    not_returned: groups(rows, ({ not_returned }) => not_returned),
  }
}

/** The largest group first. */
function groups(rows: SampleRow[], reasonsOf: (row: SampleRow) => string[]): Group[] {
  const found = new Map<string, Group>()
  for (const row of rows)
    for (const reason of reasonsOf(row)) {
      const group = found.get(reason) ?? { reason, accounts: 0, examples: [] }
      group.accounts += 1
      if (group.examples.length < MAX_EXAMPLES) group.examples.push(row.external_id)
      found.set(reason, group)
    }
  return [...found.values()].sort(
    (one, other) => other.accounts - one.accounts || (one.reason < other.reason ? -1 : 1),
  )
}

function latency(times: number[]): Latency | null {
  const sorted = [...times].sort((one, other) => one - other)
  const at = (share: number) => Math.round(sorted[Math.ceil(sorted.length * share) - 1]! * 10) / 10
  return sorted.length === 0 ? null : { p50: at(0.5), p95: at(0.95), worst: at(1) }
}

export function reportText(report: SampleReport): string {
  const { accounts, accepted, rejected, our_errors, no_answer, left, our_ms, tratta_ms } = report
  const counts = [
    `${formatNumber(accepted)} accepted`,
    `${formatNumber(rejected)} rejected by Tratta`,
    `${formatNumber(our_errors)} answered with an error by tratta-jit`,
    `${formatNumber(no_answer)} without an answer of Tratta`,
    ...(left > 0 ? [`${formatNumber(left)} not triggered yet`] : []),
  ]
  const times = (name: string, { p50, p95, worst }: Latency) =>
    `  ${name.padEnd(26)} p50 ${p50} ms, p95 ${p95} ms, worst ${worst} ms`
  return [
    `${formatNumber(accounts)} accounts: ${counts.join(', ')}`,
    ...section('Rejected by Tratta', report.rejections),
    ...section('Errors of tratta-jit (`tratta-jit lookup ID` shows the account)', report.errors),
    ...section('Without an answer of Tratta: it is unknown what Tratta stored', report.unanswered),
    ...section('Tratta returned another value than was sent', report.differs),
    ...(tratta_ms
      ? [
          '',
          'Latency',
          ...(our_ms
            ? [times(our_ms.of === 'serve' ? 'tratta-jit' : 'tratta-jit (lookup only)', our_ms)]
            : []),
          times('Tratta, with tratta-jit', tratta_ms),
        ]
      : []),
  ].join('\n')
}

const section = (title: string, found: Group[]) =>
  found.length === 0
    ? []
    : [
        '',
        title,
        ...found.map(
          ({ reason, accounts, examples }) =>
            `  ${formatNumber(accounts)} × ${reason}, e.g. ${examples.join(', ')}`,
        ),
      ]
