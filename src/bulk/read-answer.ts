/** What the answer to `POST /bulk` proves. */
import { isObject, type Json } from '../json.ts'
import { validationMessages } from '../tratta/error-body.ts'
import type { Answer } from '../tratta/send-request.ts'
import type { TrattaError } from '../tratta/tratta-error.ts'
import { maskMessage } from './error-messages.ts'
import type { Accepted } from './requests.ts'
import type { RowMessages } from './split-request.ts'

export type AttemptResult =
  | ({ kind: 'accepted' } & Accepted)
  | { kind: 'accepted_without_bulk_id' }
  /** Tratta rejects the request as a whole. `rows`: the rows that it names, from 1. */
  | { kind: 'rejected'; message: string; rows: RowMessages; maxRows: number | undefined; isTooLarge: boolean }
  /** Certainly not accepted. */
  | { kind: 'not_accepted'; message: string; isBusy: boolean; retryAfterMs: number | undefined }
  | { kind: 'unknown'; message: string; isBusy: boolean; retryAfterMs: number | undefined }
  /** No other request would be accepted either. */
  | { kind: 'stop'; message: string; cause: unknown }

/** The documented name first; the others are names of other APIs of the same framework. */
const ID_NAMES = ['bulk_id', 'bulkId', 'id', 'uuid']

export function readAnswer({ body }: Answer): AttemptResult {
  const noId = { kind: 'unknown', isBusy: false, retryAfterMs: undefined } as const
  if (!isObject(body)) return { ...noId, message: 'POST /bulk: the answer has no body' }
  const data = isObject(body.data) ? body.data : body
  const bulkId = ID_NAMES.map((name) => data[name] ?? body[name]).find(isId)
  if (bulkId !== undefined)
    return {
      kind: 'accepted',
      bulkId: String(bulkId),
      completed: data.status === 'completed',
      count: typeof data.count === 'number' ? data.count : undefined,
    }
  const hasErrors = body.success === false || isFilled(body.error) || isFilled(body.errors)
  return hasErrors
    ? { ...noId, message: 'POST /bulk: a 2xx answer with errors and without a bulk_id' }
    : { kind: 'accepted_without_bulk_id' }
}

const isId = (value: unknown) => (typeof value === 'string' && value !== '') || typeof value === 'number'
const isFilled = (value: unknown) =>
  typeof value === 'string'
    ? value !== ''
    : typeof value === 'object' && value !== null && Object.keys(value).length > 0

/** Statuses by which Tratta rejects the content of a request. */
const INVALID = [400, 413, 422]
/** Statuses that request a later attempt: conflict, locked, too early. */
const LATER = [409, 423, 425]

export function readError(error: TrattaError, rowCount: number): AttemptResult {
  const { status, retryAfterMs } = error
  const message = maskMessage(error.message)
  if (status === undefined && error.delivery === 'not_accepted' && !error.isPermanent)
    return { kind: 'not_accepted', message, isBusy: false, retryAfterMs }
  if (status !== undefined && LATER.includes(status))
    return { kind: 'not_accepted', message, isBusy: true, retryAfterMs }
  // A gateway may answer 429 or 503 after Tratta has accepted the request.
  if (status === 429 || status === 503)
    return { kind: 'unknown', message, isBusy: status === 429 || retryAfterMs !== undefined, retryAfterMs }
  if (status !== undefined && INVALID.includes(status))
    return {
      kind: 'rejected',
      message: `${status}: ${Object.values(messagesIn(error.body)).flat().join(' ') || 'rejected as a whole'}`,
      rows: namedRows(error.body, rowCount),
      maxRows: maxRowsIn(error.body),
      isTooLarge: status === 413,
    }
  if (error.isPermanent && status !== 408) return { kind: 'stop', message, cause: error }
  return { kind: 'unknown', message, isBusy: false, retryAfterMs }
}

const messagesIn = (body: unknown): Record<string, string[]> => {
  const byField = validationMessages(body).map(({ field, messages }): [string, string[]] => [
    field,
    messages.map((one) => maskMessage(one)),
  ])
  const { message } = isObject(body) ? body : ({} as Json)
  if (byField.length === 0 && typeof message === 'string') return { '': [maskMessage(message)] }
  return Object.fromEntries(byField)
}

/** Laravel names an element of an array by its index: `152.customer.phone`. */
function namedRows(body: unknown, rowCount: number): RowMessages {
  const rows: RowMessages = new Map()
  for (const [field, messages] of Object.entries(messagesIn(body))) {
    const match = /^(?:\w+\.)?(\d+)\.(.+)$/.exec(field)
    if (!match || Number(match[1]) >= rowCount) return new Map()
    const number = Number(match[1]) + 1
    const reasons = messages.map((message) => `${maskMessage(match[2]!)}: ${message}`)
    rows.set(number, [...(rows.get(number) ?? []), ...reasons])
  }
  return rows
}

/** "The data field must not have more than 500 items." */
function maxRowsIn(body: unknown): number | undefined {
  const text = Object.entries(messagesIn(body))
    .filter(([field]) => !/\d/.test(field))
    .flatMap(([, messages]) => messages)
    .join(' ')
  const match = /\b(?:more|greater) than (\d{1,3}) (?:items|rows|customers|elements)\b/i.exec(text)
  return match && Number(match[1]) > 0 ? Number(match[1]) : undefined
}
