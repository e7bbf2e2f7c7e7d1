/** Prints results as a table and as JSON lines. */
import { availableParallelism, cpus, loadavg } from 'node:os'
import type { LookupTime } from './lookup.ts'
import { median } from './median.ts'
import type { Options } from './options.ts'
import type { Result } from './rounds.ts'

/** The machine, on which the figures depend. */
export function describeMachine() {
  const model = cpus()[0]?.model.trim()
  return {
    cores: availableParallelism(),
    ...(model && { cpu: model }),
    node: process.version,
    at: new Date().toISOString(),
    /** The load average of the last minute, which shows other work. */
    load_before: Number(loadavg()[0]?.toFixed(1)),
  }
}

type Machine = ReturnType<typeof describeMachine> & { postgres: string }

const failuresOf = ({ rounds }: Result) => {
  const failures: Record<string, number> = {}
  for (const round of rounds)
    for (const [error, count] of Object.entries(round.failures))
      failures[error] = (failures[error] ?? 0) + count
  return failures
}
const perSecond = ({ rounds }: Result) => median(rounds.map(({ callsPerSecond }) => callsPerSecond))

export function resultsAsJson(results: Result[], options: Options, machine: Machine): string[] {
  return results.map((result) => {
    const { p50, p99, p999, max } = result.rounds.at(-1)?.latencyOfAll ?? {}
    return JSON.stringify({
      server: result.server,
      calls_per_second: rounded(perSecond(result)),
      rounds: result.rounds.map(({ callsPerSecond }) => rounded(callsPerSecond)),
      ...(!options.rate && { ratio_to_baseline: rounded(result.ratio, 3) }),
      p50_ms: p50,
      p99_ms: p99,
      p999_ms: p999,
      max_ms: max,
      late_p99_ms: options.rate && Math.max(...result.rounds.map(({ lateness }) => lateness?.p99 ?? 0)),
      failures: failuresOf(result),
      peak_memory_mb: result.peakMemory && rounded(result.peakMemory),
      load_cores: rounded(median(result.rounds.map(({ cores }) => cores)), 2),
      accounts: options.accounts[0],
      seconds: options.seconds,
      ...(options.rate ? { rate: options.rate } : { connections: options.connections }),
      ...machine,
    })
  })
}

export function resultsAsTable(results: Result[], options: Options, machine: Machine): string {
  const rows = results.map((result) => {
    const { p50, p99, p999, max } = result.rounds.at(-1)?.latencyOfAll ?? {}
    const failed = Object.values(failuresOf(result)).reduce((sum, count) => sum + count, 0)
    const latencies = [p50, p99, p999, max].map((ms) => ms?.toFixed(2) ?? '–')
    const common = [result.peakMemory?.toFixed(0) ?? '–', whole(failed)]
    if (options.rate) {
      const late = Math.max(...result.rounds.map(({ lateness }) => lateness?.p99 ?? 0))
      return [result.server, whole(perSecond(result)), ...latencies, late.toFixed(2), ...common]
    }
    const each = result.rounds.map(({ callsPerSecond }) => whole(callsPerSecond)).join(' ')
    return [result.server, whole(perSecond(result)), result.ratio.toFixed(2), ...latencies, ...common, each]
  })
  const head = options.rate
    ? ['', 'calls/s', 'p50 ms', 'p99 ms', 'p99.9 ms', 'max ms', 'sent late p99', 'peak MB', 'failed']
    : [
        '',
        'calls/s',
        '× baseline',
        'p50 ms',
        'p99 ms',
        'p99.9 ms',
        'max ms',
        'peak MB',
        'failed',
        'each round',
      ]
  const failures = results.flatMap((result) =>
    Object.entries(failuresOf(result)).map(
      ([error, count]) => `${result.server}: ${whole(count)} × ${error}`,
    ),
  )
  const load = options.rate ? `${whole(options.rate)} calls/s` : `${options.connections} connections`
  const cores = median(results.flatMap(({ rounds }) => rounds.map((round) => round.cores)))
  const notes = [
    `${whole(options.accounts[0] ?? 0)} accounts, ${load}, ${options.rounds} rounds of ${options.seconds} s; the caller used ${cores.toFixed(2)} cores`,
    machineLine(machine),
  ]
  return [table([head, ...rows]), ...failures, '', ...notes].join('\n')
}

export function lookupAsJson(times: LookupTime[], machine: Machine): string[] {
  return times.map(({ accounts, lookups, median, p99, ratio }) =>
    JSON.stringify({
      ...{ accounts, lookups, median_us: rounded(median, 1), p99_us: rounded(p99, 1) },
      ratio_to_first: rounded(ratio, 3),
      ...machine,
    }),
  )
}

export function lookupAsTable(times: LookupTime[], machine: Machine): string {
  const rows = times.map(({ accounts, lookups, median, p99, ratio }) => [
    ...[`${whole(accounts)} accounts`, whole(lookups), median.toFixed(0), p99.toFixed(0)],
    ratio.toFixed(2),
  ])
  const head = ['', 'lookups', 'median µs', 'p99 µs', '× first']
  return [table([head, ...rows]), '', machineLine(machine)].join('\n')
}

function machineLine({ cores, cpu, postgres, node, at, load_before }: Machine) {
  const model = cpu ? ` (${cpu})` : ''
  const minute = at.slice(0, 16).replace('T', ' ')
  return `${cores} cores${model}, load ${load_before} before, ${postgres}, Node ${node}, ${minute} UTC`
}

/** The first column and a list in the last one are left-aligned, numbers are right-aligned. */
function table(rows: string[][]) {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const cell = (text: string, column: number) =>
    column === 0 || rows[0]?.[column] === 'each round'
      ? text.padEnd(widths[column] ?? 0)
      : text.padStart(widths[column] ?? 0)
  return rows.map((row) => row.map(cell).join('  ').trimEnd()).join('\n')
}

const whole = (number: number) => Math.round(number).toLocaleString('en')
const rounded = (number: number, digits = 0) => Number(number.toFixed(digits))
