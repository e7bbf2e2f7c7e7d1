/** Sends requests to Tratta: below the rate limit, with timeouts and retries, and with secrets masked in responses. */
import { setTimeout as pause } from 'node:timers/promises'
import { backoffMs } from './backoff.ts'
import { reportsFailure } from './error-body.ts'
import { createSecretMask } from './mask-secrets.ts'
import { pacer } from './pacer.ts'
import { proxyName, useProxy } from './proxy.ts'
import { TrattaError } from './tratta-error.ts'

/** A 2xx response. `body`: JSON, or undefined if the body is empty. */
export interface Answer {
  status: number
  body: unknown
  linkHeader: string | null
}

export interface ClientOptions {
  /** `https://<org-uuid>.production.tratta.io/api/v1` */
  apiUrl: string
  token: string
  /** Tratta's limit; the client stays below it by spacing its requests evenly. Default 300. */
  requestsPerMinute?: number
  /** Masked in every response, like the token. */
  secrets?: string[]
  /** The URL of a proxy, as `proxyFor` returns it. */
  proxy?: string | undefined
  /** Called when the headers of a response arrive. */
  onResponse?: (response: Response) => void
}

export interface RequestOptions {
  /** From the start of the connection to the last byte. Default 10000. */
  timeoutMs?: number
  /** The maximum number of attempts while Tratta certainly did not accept the request. Default 4. */
  attempts?: number
  signal?: AbortSignal
  /** A longer response is an error. Default 1 MB. */
  maxBytes?: number
  /** Sent only when no other request waits. */
  background?: boolean
  /** Awaited when the rate limit allows the request, before it is sent. */
  onTurn?: () => Promise<void>
  /** Called before another attempt. */
  onRetry?: (error: TrattaError) => void
}

interface Request extends RequestOptions {
  method: 'GET' | 'POST'
  path: string
  body?: URLSearchParams | Buffer<ArrayBuffer>
  /** Statuses that mean that Tratta did not accept the request and allows another attempt. */
  retryableStatuses: number[]
  /** A 2xx response whose body reports a failure is an error. */
  canReportFailure?: true
}

const MAX_BYTES = 1024 * 1024
const BACKOFF = { minMs: 500, maxMs: 30_000 }
const MAX_RETRY_AFTER_MS = 60_000

/** @returns sends one request. It throws a TrattaError, or the reason of its signal */
export function requestSender({
  apiUrl,
  token,
  requestsPerMinute = 300,
  secrets = [],
  proxy,
  onResponse,
}: ClientOptions): (request: Request) => Promise<Answer> {
  useProxy(proxy)
  const pace = pacer(requestsPerMinute)
  const mask = createSecretMask([token, ...secrets])

  async function send(request: Request): Promise<Answer> {
    const { attempts = 4, signal, background, onTurn, onRetry } = request
    for (let attempt = 1; ; attempt++) {
      try {
        await pace.turn({ background, signal })
        await onTurn?.()
        const response = await sendOnce(request)
        pace.speedUp()
        return response
      } catch (error) {
        if (!(error instanceof TrattaError)) throw error
        const { status, retryAfterMs = 0 } = error
        const waitMs = backoffMs(attempt - 1, BACKOFF)
        if (status === 429) pace.slowDown(Math.min(MAX_RETRY_AFTER_MS, retryAfterMs || waitMs))
        // A repeated GET changes nothing at Tratta.
        const retryable = request.method === 'GET' ? !error.isPermanent : error.retryable
        if (!retryable || attempt >= attempts || retryAfterMs > MAX_RETRY_AFTER_MS) throw error
        onRetry?.(error)
        await pause(retryAfterMs + waitMs, undefined, signal && { signal })
      }
    }
  }

  async function sendOnce(request: Request) {
    const {
      method,
      path,
      body: sent,
      retryableStatuses,
      timeoutMs = 10_000,
      signal,
      maxBytes = MAX_BYTES,
    } = request
    const label = `${method} ${path}`
    const timeout = AbortSignal.timeout(timeoutMs)
    try {
      const response = await fetch(apiUrl + path, {
        method,
        ...(sent && { body: sent }),
        headers: {
          authorization: `Bearer ${token}`,
          accept: 'application/json',
          ...(sent instanceof Buffer && { 'content-type': 'application/json' }),
        },
        // Tratta's pages mention no redirect, and following one would send the token to another address.
        redirect: 'manual',
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      })
      onResponse?.(response)
      const text = await readText(response, label, maxBytes)
      const parsed = parseJson(text)
      // Masked after parsing, because a secret can be escaped in the text.
      const body = mask.value(parsed)
      const isEmptyOrJson = text.trim() === '' || parsed !== undefined
      const isFailure = request.canReportFailure && reportsFailure(body)
      if (response.ok && isEmptyOrJson && !isFailure)
        return { status: response.status, body, linkHeader: response.headers.get('link') }
      throw TrattaError.fromResponse(label, response, mask.text(text), {
        body,
        retryable: retryableStatuses.includes(response.status),
      })
    } catch (error) {
      if (error instanceof TrattaError) throw error
      signal?.throwIfAborted()
      throw TrattaError.fromNetworkError(label, error, timeoutMs, proxy && proxyName(proxy))
    }
  }

  return send
}

async function readText(response: Response, label: string, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > maxBytes) throw TrattaError.tooLong(label, response.status, maxBytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
