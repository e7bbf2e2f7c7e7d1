/** The options of `calls`. */
import type { CallFilter } from '../calls/read-calls.ts'
import { UsageError } from '../user-facing-error.ts'
import type { Options } from './command.ts'

export interface CallsOptions {
  filter: CallFilter
  limit: number | undefined
}

const COMPARE_ONLY = ['compare', 'json']
const AUDIT_ONLY = ['audit', 'account', 'since', 'limit', 'json']

/** @throws {UsageError} */
export function readCallsOptions(options: Options, now = new Date()): CallsOptions {
  for (const [name, allowed] of [
    ['compare', COMPARE_ONLY],
    ['audit', AUDIT_ONLY],
  ] as const) {
    const other =
      options[name] !== undefined && Object.keys(options).find((option) => !allowed.includes(option))
    if (other) throw new UsageError(`--${name} and --${other} cannot be combined`)
  }
  const text = (name: string) => options[name] as string | undefined
  return {
    filter: {
      externalId: text('account'),
      outcome: text('outcome'),
      since: readSince(text('since'), now),
      slowerThanMs: readSlowerThan(text('slower-than')),
    },
    limit: readLimit(text('limit')),
  }
}

const UNIT_MS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
/** A date, or a date and a time, with or without a zone. Without one it is UTC, as all times that are printed. */
const DATE = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?)?$/

function readSince(text: string | undefined, now: Date): Date | undefined {
  if (text === undefined) return undefined
  const [, count, unit = ''] = /^(\d{1,7})([smhd])$/.exec(text) ?? []
  if (count !== undefined) return new Date(now.getTime() - Number(count) * UNIT_MS[unit]!)
  const match = DATE.exec(text)
  const iso = text.replace(' ', 'T')
  const date = new Date(
    match && match[1] === undefined ? `${iso.includes('T') ? iso : `${iso}T00:00`}Z` : iso,
  )
  if (!match || Number.isNaN(date.getTime()))
    throw new UsageError(
      '--since must be an age, such as 90s, 30m, 2h or 7d, or a time in UTC, such as 2026-11-24T10:30',
    )
  return date
}

function readSlowerThan(text: string | undefined) {
  if (text === undefined) return undefined
  if (!/^\d{1,9}(\.\d{1,3})?$/.test(text))
    throw new UsageError('--slower-than must be a number of milliseconds')
  return Number(text)
}

function readLimit(text: string | undefined) {
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new UsageError('--limit must be a number of calls')
  return Number(text)
}
