/** What came of a request that Tratta did not answer with a plain yes. */

/**
 * `not_taken`: Tratta surely has not got it. `refused`: Tratta got it and said no.
 * `unknown`: it may or may not have been taken, because no whole answer came.
 */
export type Fate = 'not_taken' | 'refused' | 'unknown'

interface Details {
  tried: string
  fate: Fate
  mayBeTriedAgain: boolean
  status?: number
  /** What came back, parsed, when it was JSON. */
  body?: unknown
  retryAfterMs?: number
  code?: string
}

/** So much of an answer that nobody understood is shown. */
const MOST_CHARACTERS = 300

/** Its message says what was tried, what came back, and what to do. It holds no secret. */
export class TrattaError extends Error {
  readonly tried: string
  readonly fate: Fate
  readonly mayBeTriedAgain: boolean
  readonly status: number | undefined
  readonly body: unknown
  readonly retryAfterMs: number | undefined
  /** A system error's name, where there was one. */
  readonly code: string | undefined

  private constructor(message: string, details: Details) {
    super(`${details.tried}: ${message}`)
    this.tried = details.tried
    this.fate = details.fate
    this.mayBeTriedAgain = details.mayBeTriedAgain
    this.status = details.status
    this.body = details.body
    this.retryAfterMs = details.retryAfterMs
    this.code = details.code
  }

  static answered(
    tried: string,
    response: Response,
    text: string,
    { body, mayBeTriedAgain }: { body: unknown; mayBeTriedAgain: boolean },
  ) {
    const { status } = response
    const retryAfterMs = readRetryAfter(response.headers.get('retry-after'))
    return new TrattaError(explain(status, body, text, retryAfterMs), {
      tried,
      fate: mayBeTriedAgain ? 'not_taken' : status >= 500 || response.ok ? 'unknown' : 'refused',
      mayBeTriedAgain,
      status,
      body,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    })
  }

  static tooLong(tried: string, status: number, bytes: number) {
    return new TrattaError(
      `the answer (${status}) is longer than ${bytes} bytes. Is TRATTA_API_URL the address of Tratta's API?`,
      { tried, fate: 'unknown', mayBeTriedAgain: false, status },
    )
  }

  static unanswered(tried: string, error: unknown, timeoutMs: number) {
    const { name, cause } = error as Error & { cause?: unknown }
    if (name === 'TimeoutError')
      return new TrattaError(
        `no whole answer within ${timeoutMs / 1000} s. It is unknown whether Tratta has taken it.`,
        { tried, fate: 'unknown', mayBeTriedAgain: false, code: 'ETIMEDOUT' },
      )
    const code = String(
      (cause as NodeJS.ErrnoException | undefined)?.code ?? (cause as Error | undefined)?.name,
    )
    const details = { tried, code }
    if (NO_CONNECTION.test(code))
      return new TrattaError(
        `no connection to Tratta (${code}). Check TRATTA_API_URL, and that this machine may reach it.`,
        { ...details, fate: 'not_taken', mayBeTriedAgain: true },
      )
    return new TrattaError(
      `the connection broke before a whole answer (${code}). It is unknown whether Tratta has taken it.`,
      { ...details, fate: 'unknown', mayBeTriedAgain: false },
    )
  }
}

/** Not a byte of the request was sent. */
const NO_CONNECTION =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|ERR_SSL_.*|ERR_TLS_.*|CERT_.*|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_.*)$/

function explain(status: number, body: unknown, text: string, retryAfterMs: number | undefined): string {
  const said = saidIn(body) ?? shortened(text)
  const says = said === '' ? '' : `: ${said.replace(/\.$/, '')}`
  if (status >= 300 && status < 400)
    return `Tratta answered with a redirect (${status}), which is not followed, because the token would go along. Check TRATTA_API_URL.`
  if (status === 401)
    return `Tratta does not accept the token (401)${says}. Check TRATTA_API_TOKEN: production and sandbox have tokens of their own.`
  if (status === 404)
    return `Tratta knows no such address (404)${says}. Check TRATTA_API_URL, like https://<org-uuid>.production.tratta.io/api/v1.`
  if (status === 429) {
    const when = retryAfterMs === undefined ? 'later' : `in ${Math.ceil(retryAfterMs / 1000)} s`
    return `too many requests (429)${says}. Try again ${when}.`
  }
  if (status >= 500) return `Tratta has an error of its own (${status})${says}. Try again later.`
  if (status >= 400) return `Tratta refused it (${status})${says}`
  return `the answer (${status}) is not JSON${says}. Is TRATTA_API_URL the address of Tratta's API?`
}

/**
 * The error's own words. Laravel's validation answers `{message, errors: {field: [message]}}`; an unofficial
 * client has seen `{error, errorCode}`.
 */
export function saidIn(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  const { message, error, errorCode } = body as Record<string, unknown>
  const fields = validationMessages(body).map(({ field, messages }) => `${field}: ${messages.join(' ')}`)
  if (fields.length > 0) return shortened(fields.join('; '))
  const words = [message, error, errorCode].filter(
    (word) => typeof word === 'string' || typeof word === 'number',
  )
  return words.length > 0 ? shortened(words.join(' ')) : undefined
}

/** Laravel's `errors`, field by field. */
export function validationMessages(body: unknown): { field: string; messages: string[] }[] {
  const errors = (body as { errors?: unknown } | null | undefined)?.errors
  if (typeof errors !== 'object' || errors === null) return []
  return Object.entries(errors).map(([field, messages]) => ({
    field,
    messages: [messages].flat().map(String),
  }))
}

function shortened(text: string): string {
  const line = text
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  return line.length > MOST_CHARACTERS ? `${line.slice(0, MOST_CHARACTERS)}…` : line
}

/** Seconds, or a date. */
function readRetryAfter(header: string | null): number | undefined {
  if (header === null) return undefined
  const milliseconds = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isNaN(milliseconds) ? undefined : Math.max(0, milliseconds)
}
