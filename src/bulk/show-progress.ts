/** How far a push is. */
import { duration, number, showProgress } from '../progress.ts'
import type { Progress } from './push.ts'

export const noProgress = (requestsPerMinute: number): Progress => ({
  secondsARequest: 60 / requestsPerMinute,
  read: 0,
  total: undefined,
  sent: 0,
  requests: 0,
  refused: 0,
  waiting: 0,
})

/** @returns what ends the showing */
export const showPush = (progress: Progress, asJson: boolean) =>
  showProgress(
    asJson,
    (seconds) => figures(progress, seconds),
    (seconds) => line(progress, seconds),
  )

export function figures(progress: Progress, seconds: number) {
  const { read, total, sent, requests, refused, waiting, secondsARequest } = progress
  const rate = read / seconds
  // Every request that is sent is one to be read as well.
  const judging = waiting * secondsARequest
  const left = total === undefined || rate === 0 ? undefined : Math.max(0, total - read) / rate + judging
  return {
    seconds: Math.round(seconds),
    customers_read: read,
    ...(total !== undefined && { customers_total: total }),
    rows_sent: sent,
    requests,
    rows_per_second: Math.round(sent / seconds),
    rows_refused: refused,
    requests_to_be_judged: waiting,
    ...(left !== undefined && { seconds_left: Math.round(left) }),
  }
}

function line(progress: Progress, seconds: number): string {
  const { customers_total, seconds_left, ...is } = figures(progress, seconds)
  const share = customers_total ? ` of ${number(customers_total)}` : ''
  const judged =
    is.requests_to_be_judged > 0 ? `, ${number(is.requests_to_be_judged)} requests to be judged` : ''
  const left = seconds_left === undefined ? '' : `, ${duration(seconds_left)} left`
  return `${number(is.customers_read)}${share} customers, ${number(is.rows_sent)} sent, ${number(is.rows_per_second)}/s, ${number(is.rows_refused)} refused${judged}${left}`
}
