/** The progress of a push, for people and as JSON. */
import { formatDuration, formatNumber } from '../terminal/format.ts'
import { showProgress } from '../terminal/progress.ts'
import type { ErrorsProgress } from './read-errors.ts'

export interface PushProgress {
  /** Customers. */
  read: number
  /** Customers; undefined until they are counted. */
  total: number | undefined
  /** Rows that Tratta accepted for processing. A customer is one row, or one for each of its locations. */
  sent: number
  requests: number
  /** Rows with something that we or Tratta rejected. */
  rejected: number
  /** Requests whose errors are still to be read. */
  waiting: number
  /** Seconds between two requests, by the rate limit. */
  secondsPerRequest: number
  /** The reason for a pause in sending, and its end (`performance.now()`). */
  pause: { message: string; until: number } | undefined
}

export const emptyProgress = (requestsPerMinute: number): PushProgress => ({
  read: 0,
  total: undefined,
  sent: 0,
  requests: 0,
  rejected: 0,
  waiting: 0,
  secondsPerRequest: 60 / requestsPerMinute,
  pause: undefined,
})

/** @returns a function that ends the display */
export const showPushProgress = (progress: PushProgress, asJson: boolean): (() => void) =>
  showProgress(
    asJson,
    (seconds) => progressFields(progress, seconds),
    (seconds) => progressLine(progress, seconds),
  )

export function progressFields(progress: PushProgress, seconds: number) {
  const { read, total, sent, requests, rejected, waiting, secondsPerRequest, pause } = progress
  const rate = read / seconds
  const pauseSeconds = pause ? Math.max(0, (pause.until - performance.now()) / 1000) : 0
  const left =
    total === undefined || rate === 0
      ? undefined
      : Math.max(0, total - read) / rate + waiting * secondsPerRequest + pauseSeconds
  return {
    seconds: Math.round(seconds),
    customers_read: read,
    ...(total !== undefined && { customers_total: total }),
    rows_sent: sent,
    requests,
    rows_per_second: Math.round(sent / seconds),
    rows_rejected: rejected,
    requests_waiting: waiting,
    ...(pause &&
      pauseSeconds > 0 && { waiting_for: pause.message, waiting_seconds: Math.ceil(pauseSeconds) }),
    ...(left !== undefined && { seconds_left: Math.round(left) }),
  }
}

function progressLine(progress: PushProgress, seconds: number): string {
  const fields = progressFields(progress, seconds)
  const { customers_total, seconds_left, waiting_for, waiting_seconds } = fields
  const share = customers_total ? ` of ${formatNumber(customers_total)}` : ''
  const counts =
    `${formatNumber(fields.customers_read)}${share} customers, ${formatNumber(fields.rows_sent)} rows sent, ` +
    `${formatNumber(fields.rows_per_second)}/s, ${formatNumber(fields.rows_rejected)} rejected`
  if (waiting_for) return `${counts}; waiting ${formatDuration(waiting_seconds!)}: ${waiting_for}`
  const waiting =
    fields.requests_waiting > 0 ? `, errors of ${formatNumber(fields.requests_waiting)} requests to read` : ''
  const left = seconds_left === undefined ? '' : `, ${formatDuration(seconds_left)} left`
  return `${counts}${waiting}${left}`
}

/** @returns a function that ends the display */
export const showErrorsProgress = (progress: ErrorsProgress, asJson: boolean): (() => void) =>
  asJson
    ? () => {}
    : showProgress(
        false,
        () => ({}),
        (seconds) => errorsLine(progress, seconds),
      )

function errorsLine({ read, total }: ErrorsProgress, seconds: number): string {
  const left = read > 0 ? `, ${formatDuration(Math.round((seconds * (total - read)) / read))} left` : ''
  return `errors of ${formatNumber(read)} of ${formatNumber(total)} requests read, ${(read / seconds).toFixed(1)}/s${left}`
}
