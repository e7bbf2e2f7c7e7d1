/** The error of a request to Tratta, and what the error proves about the request. */
import { printable } from '../terminal/printable.ts'
import { UserFacingError } from '../user-facing-error.ts'
import { reportsFailure } from './error-body.ts'
import { CHECK_ADDRESS, explainResponse } from './explain-response.ts'

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
  /** Default: whether Tratta rejected the request. */
  isPermanent?: boolean
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
  /** Whether a repeated request fails again. */
  readonly isPermanent: boolean
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
    this.isPermanent = details.isPermanent ?? details.delivery === 'rejected'
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
    const [problem, remedy] = explainResponse(status, body, text, retryAfterMs)
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

  /**
   * @param error of `fetch`, or of reading the body
   * @param proxy the address of the proxy, without user and password
   */
  static fromNetworkError(request: string, error: unknown, timeoutMs: number, proxy?: string) {
    const { name, cause } = error as Error & { cause?: unknown }
    if (name === 'TimeoutError')
      return new TrattaError(
        `no complete response within ${timeoutMs / 1000} s. It is unknown whether Tratta accepted the request.`,
        { request, delivery: 'unknown', retryable: false, code: 'ETIMEDOUT' },
      )
    const proxyStatus = proxy ? statusOfProxy(cause) : undefined
    if (proxyStatus !== undefined) return TrattaError.#fromProxy(request, `${proxy}`, proxyStatus)
    const code = String(
      (cause as NodeJS.ErrnoException | undefined)?.code ?? (cause as Error | undefined)?.name,
    )
    const through = proxy ? ` through the proxy ${proxy}` : ''
    if (UNKNOWN_AUTHORITY.test(code))
      return new TrattaError(
        `no connection to Tratta${through} (${code}): this machine does not know the certificate authority`,
        {
          request,
          code,
          remedy:
            'Set NODE_EXTRA_CA_CERTS to a PEM file with the certificate of the authority, for example of a proxy that inspects TLS',
          delivery: 'not_accepted',
          retryable: false,
          isPermanent: true,
        },
      )
    const details = { request, code }
    if (NO_CONNECTION.test(code))
      return new TrattaError(`no connection to Tratta${through} (${code})`, {
        ...details,
        remedy: proxy
          ? 'Check TRATTA_API_URL and the proxy setting, and that this machine can reach the proxy'
          : 'Check TRATTA_API_URL, and that this machine can reach it',
        delivery: 'not_accepted',
        retryable: true,
      })
    return new TrattaError(
      `the connection closed before a complete response (${code}). It is unknown whether Tratta accepted the request.`,
      { ...details, delivery: 'unknown', retryable: false },
    )
  }

  static #fromProxy(request: string, proxy: string, status: number) {
    const isServerError = status >= 500
    return new TrattaError(`the proxy ${proxy} opens no connection to Tratta (${status})`, {
      request,
      remedy:
        status === 407
          ? 'Check the user and the password in the proxy setting'
          : 'The proxy must allow connections to the host of TRATTA_API_URL',
      delivery: 'not_accepted',
      retryable: isServerError,
      isPermanent: !isServerError,
      code: `PROXY_${status}`,
    })
  }
}

/** The server has a certificate of an authority that Node does not know, or lacks an intermediate certificate. */
const UNKNOWN_AUTHORITY =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT(_LOCALLY)?|UNABLE_TO_VERIFY_LEAF_SIGNATURE)$/

/** undici reports the answer to CONNECT in a message only. */
function statusOfProxy(cause: unknown): number | undefined {
  const { message = '' } = ((cause as Error | undefined)?.cause as Error | undefined) ?? {}
  const status = /^Proxy response \((\d+)\)/.exec(message)?.[1]
  return status === undefined ? undefined : Number(status)
}

/** Errors of the connection setup, before any byte of the request is sent. */
const NO_CONNECTION =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|ERR_SSL_.*|ERR_TLS_.*|CERT_.*|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_.*)$/

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
