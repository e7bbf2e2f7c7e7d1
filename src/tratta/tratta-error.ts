/** The error of a request to Tratta, and what the error proves about the request. */
import { printable } from '../terminal/printable.ts'
import { UserFacingError } from '../user-facing-error.ts'
import { readErrorMessage, reportsFailure, shorten } from './error-body.ts'

/**
 * `not_accepted`: Tratta certainly did not accept the request. `rejected`: Tratta received the request and
 * rejected it. `unknown`: Tratta may have accepted the request, for example because no complete response arrived.
 */
export type Delivery = 'not_accepted' | 'rejected' | 'unknown'

interface Details {
  request: string
  remedy?: string | undefined
  delivery: Delivery
  retryable: boolean
  status?: number
  /** The parsed response body, if it is JSON. */
  body?: unknown
  retryAfterMs?: number
  code?: string
}

/** The message names the request, the response, and the remedy. It contains no secret and no control character. */
export class TrattaError extends UserFacingError {
  /** Method and path. */
  readonly request: string
  readonly delivery: Delivery
  /** Whether another attempt cannot apply the request twice. */
  readonly retryable: boolean
  readonly status: number | undefined
  readonly body: unknown
  readonly retryAfterMs: number | undefined
  /** The code of a network error: `ECONNREFUSED`. */
  readonly code: string | undefined

  private constructor(problem: string, details: Details) {
    // The problem can quote Tratta, and logs and terminals show it.
    super(printable(`${details.request}: ${problem}`), { remedy: details.remedy })
    this.request = details.request
    this.delivery = details.delivery
    this.retryable = details.retryable
    this.status = details.status
    this.body = details.body
    this.retryAfterMs = details.retryAfterMs
    this.code = details.code
  }

  /** @param text of the body, with masked secrets */
  static fromResponse(
    request: string,
    response: Response,
    text: string,
    { body, retryable }: { body: unknown; retryable: boolean },
  ) {
    const { status } = response
    const retryAfterMs = readRetryAfter(response.headers.get('retry-after'))
    const [problem, remedy] = explain(status, body, text, retryAfterMs)
    return new TrattaError(problem, {
      request,
      remedy,
      delivery: deliveryOf(status, { body, retryable }),
      retryable,
      status,
      body,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    })
  }

  static tooLong(request: string, status: number, bytes: number) {
    return new TrattaError(`the response (${status}) is longer than ${bytes} bytes`, {
      request,
      remedy: CHECK_ADDRESS,
      delivery: 'unknown',
      retryable: false,
      status,
    })
  }

  /** @param error of `fetch`, or of reading the body */
  static fromNetworkError(request: string, error: unknown, timeoutMs: number) {
    const { name, cause } = error as Error & { cause?: unknown }
    if (name === 'TimeoutError')
      return new TrattaError(
        `no complete response within ${timeoutMs / 1000} s. It is unknown whether Tratta accepted the request.`,
        { request, delivery: 'unknown', retryable: false, code: 'ETIMEDOUT' },
      )
    const code = String(
      (cause as NodeJS.ErrnoException | undefined)?.code ?? (cause as Error | undefined)?.name,
    )
    const details = { request, code }
    if (NO_CONNECTION.test(code))
      return new TrattaError(`no connection to Tratta (${code})`, {
        ...details,
        remedy: 'Check TRATTA_API_URL, and that this machine can reach it',
        delivery: 'not_accepted',
        retryable: true,
      })
    return new TrattaError(
      `the connection closed before a complete response (${code}). It is unknown whether Tratta accepted the request.`,
      { ...details, delivery: 'unknown', retryable: false },
    )
  }
}

/** Errors of the connection setup, before any byte of the request is sent. */
const NO_CONNECTION =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|ERR_SSL_.*|ERR_TLS_.*|CERT_.*|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_.*)$/

const CHECK_ADDRESS = "Is TRATTA_API_URL the address of Tratta's API?"

function explain(
  status: number,
  body: unknown,
  text: string,
  retryAfterMs: number | undefined,
): [problem: string, remedy?: string] {
  const message = readErrorMessage(body) ?? shorten(text)
  const reason = message === '' ? '' : `: ${message.replace(/\.$/, '')}`
  if (status >= 300 && status < 400)
    return [
      `Tratta returned a redirect (${status}). Redirects are not followed, because the request contains the token`,
      'Check TRATTA_API_URL',
    ]
  if (status === 401)
    return [
      `Tratta does not accept the token (401)${reason}`,
      'Check TRATTA_API_TOKEN: production and sandbox have different tokens',
    ]
  if (status === 404)
    return [
      `not found at Tratta (404)${reason}`,
      'Check TRATTA_API_URL, for example https://<org-uuid>.production.tratta.io/api/v1',
    ]
  if (status === 429) {
    const when = retryAfterMs === undefined ? 'later' : `in ${Math.ceil(retryAfterMs / 1000)} s`
    return [`too many requests (429)${reason}`, `Try again ${when}`]
  }
  if (status >= 500) return [`Tratta returned a server error (${status})${reason}`, 'Try again later']
  if (status >= 400) return [`Tratta rejected the request (${status})${reason}`]
  if (reportsFailure(body)) return [`Tratta returned an error (${status})${reason}`]
  return [`the response (${status}) is not JSON${reason}`, CHECK_ADDRESS]
}

function deliveryOf(status: number, { body, retryable }: { body: unknown; retryable: boolean }): Delivery {
  if (retryable) return 'not_accepted'
  if (status < 300) return reportsFailure(body) ? 'rejected' : 'unknown'
  return status >= 500 ? 'unknown' : 'rejected'
}

/** @param header seconds, or a date */
function readRetryAfter(header: string | null): number | undefined {
  if (header === null) return undefined
  const milliseconds = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isNaN(milliseconds) ? undefined : Math.max(0, milliseconds)
}
