/**
 * Reads error bodies of Tratta, whose form is unknown. Laravel's validation returns
 * `{message, errors: {field: [message]}}`; an unofficial client of Tratta reads `{error, errorCode}`.
 */
import { isObject } from '../json.ts'

export interface FieldErrors {
  /** A dotted name; empty if the message names no field. */
  field: string
  messages: string[]
}

/** The part of an unknown body that a message contains. */
const MAX_CHARACTERS = 300

/** @returns undefined if the body has no message */
export function readErrorMessage(body: unknown): string | undefined {
  if (!isObject(body)) return undefined
  const fields = validationMessages(body).map(({ field, messages }) =>
    [field, messages.join(' ')].filter(Boolean).join(': '),
  )
  if (fields.length > 0) return shorten(fields.join('; '))
  const { message, error, errorCode } = body
  const parts = [message, error, errorCode].filter(
    (part) => typeof part === 'string' || typeof part === 'number',
  )
  if (parts.length > 0) return shorten(parts.join(' '))
  return isObject(error) ? readErrorMessage(error) : readErrorMessage(body.data)
}

/** Reads `errors`: `{field: [message]}`, `{field: message}`, a list of messages or of `{field, message}`, or one message. */
export function validationMessages(body: unknown): FieldErrors[] {
  const errors = isObject(body) ? body.errors : undefined
  if (typeof errors === 'string') return errors === '' ? [] : [{ field: '', messages: [errors] }]
  if (Array.isArray(errors)) {
    const named = errors.map((one): [string, string] => [
      isObject(one) && typeof one.field === 'string' ? one.field : '',
      messageOf(one),
    ])
    return [...Map.groupBy(named, ([field]) => field)].map(([field, all]) => ({
      field,
      messages: all.map(([, message]) => message),
    }))
  }
  if (!isObject(errors)) return []
  return Object.entries(errors).map(([field, messages]) => ({
    field,
    messages: [messages].flat().map(messageOf),
  }))
}

const messageOf = (one: unknown): string =>
  isObject(one) ? String(one.message ?? 'no message') : String(one)

/** Whether a body reports a failure, although the status is 2xx: `success: false`, or an `error` or `errors` in it. */
export function reportsFailure(body: unknown): boolean {
  if (!isObject(body)) return false
  const { success, status, error, errors, data } = body
  return (
    success === false ||
    (typeof status === 'string' && /^(error|fail(ed|ure)?)$/i.test(status)) ||
    isFilled(error) ||
    isFilled(errors) ||
    (isObject(data) && (data.success === false || isFilled(data.error) || isFilled(data.errors)))
  )
}

const isFilled = (value: unknown): boolean =>
  typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : Boolean(value)

/** Laravel's message of a unique rule, and other wordings of the same. */
const TAKEN =
  /\balready\b.*\b(taken|used|registered|exists?|in use|present)\b|\b(exists|in use|registered) already\b|\balready (exists?|registered)\b|\bunique\b|\bduplicate/i

/** Whether a response to a registration reports that Tratta has the URL already. */
export function isUrlTaken({ status = 0, body }: { status?: number | undefined; body: unknown }): boolean {
  if (status === 409) return true
  const isFailure = status === 422 || status === 400 || (status < 300 && reportsFailure(body))
  if (!isFailure) return false
  const fields = validationMessages(body)
  if (fields.length > 0)
    return fields.every(
      ({ field, messages }) => /(^|\.)url$/i.test(field) && messages.every((message) => TAKEN.test(message)),
    )
  const message = readErrorMessage(body) ?? ''
  return /\burl\b/i.test(message) && TAKEN.test(message)
}

/** One line without tags. */
export function shorten(text: string): string {
  const line = text
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  return line.length > MAX_CHARACTERS ? `${line.slice(0, MAX_CHARACTERS)}…` : line
}
