/**
 * The client for Tratta's API. docs/tratta.md lists what is unknown about the API, so responses are read
 * leniently, and unknown error bodies become part of the message.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { backoffMs } from './backoff.ts'
import { createSecretMask } from './mask-secrets.ts'
import { nextPage, totalOf } from './next-page.ts'
import { pacer } from './pacer.ts'
import { TrattaError } from './tratta-error.ts'

export interface TrattaClient {
  /** "Create a JIT endpoint": POST /just-in-time */
  createJitEndpoint(url: string, options?: RequestOptions): Promise<Answer>
  /** "Testing a JIT endpoint": POST /just-in-time/trigger. Not retried after a 503, which can be our own, relayed. */
  trigger(debtAccountExternalId: string, options?: RequestOptions): Promise<Answer>
  /** "Create Bulk Action": POST /bulk. @param rows a JSON array of at most 1,000 */
  bulk(rows: Buffer, options?: RequestOptions): Promise<Answer>
  /**
   * "Errors" of Bulk: GET /bulk/{id}/errors, one page.
   * @param page the `next` of the previous page
   * @throws {ForeignPageError}
   */
  bulkErrors(bulkId: string, options?: RequestOptions & { page?: string | undefined }): Promise<ErrorsPage>
}

/** A 2xx response. `body`: JSON, or undefined if the body is empty. */
export interface Answer {
  status: number
  body: unknown
  linkHeader: string | null
}

export interface ErrorsPage {
  status: number
  body: unknown
  /** Undefined for the last page. */
  next: string | undefined
  /** The number of rows on all pages, if Tratta returns it. */
  total: number | undefined
}

export interface ClientOptions {
  /** `https://<org-uuid>.production.tratta.io/api/v1` */
  apiUrl: string
  token: string
  /** Tratta's limit; the client stays below it by spacing its requests evenly. Default 300. */
  requestsPerMinute?: number
  /** Masked in every response, like the token. */
  secrets?: string[]
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
}

interface Request extends RequestOptions {
  method: 'GET' | 'POST'
  path: string
  body?: URLSearchParams | Buffer<ArrayBuffer>
  /** Statuses that mean that Tratta did not accept the request and allows another attempt. */
  retryableStatuses: number[]
}

const MAX_BYTES = 1024 * 1024
/** 1,000 customers with their payload, and each rejected account with its payload again. */
const MAX_ERRORS_BYTES = 64 * MAX_BYTES
const BACKOFF = { minMs: 500, maxMs: 30_000 }
const MAX_RETRY_AFTER_MS = 60_000

export function createTrattaClient({
  apiUrl,
  token,
  requestsPerMinute = 300,
  secrets = [],
  onResponse,
}: ClientOptions): TrattaClient {
  const pace = pacer(requestsPerMinute)
  const mask = createSecretMask([token, ...secrets])

  /** @throws {TrattaError} */
  async function send(request: Request): Promise<Answer> {
    const { attempts = 4, signal, background, onTurn } = request
    for (let attempt = 1; ; attempt++) {
      try {
        await pace.turn({ background, signal })
        await onTurn?.()
        const response = await sendOnce(request)
        pace.speedUp()
        return response
      } catch (error) {
        if (!(error instanceof TrattaError)) throw error
        const { status, delivery, retryAfterMs = 0 } = error
        const waitMs = backoffMs(attempt - 1, BACKOFF)
        if (status === 429) pace.slowDown(Math.min(MAX_RETRY_AFTER_MS, retryAfterMs || waitMs))
        // A repeated GET changes nothing at Tratta.
        const retryable = request.method === 'GET' ? delivery !== 'rejected' : error.retryable
        if (!retryable || attempt >= attempts || retryAfterMs > MAX_RETRY_AFTER_MS) throw error
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
      if (response.ok && isEmptyOrJson)
        return { status: response.status, body, linkHeader: response.headers.get('link') }
      throw TrattaError.fromResponse(label, response, mask.text(text), {
        body,
        retryable: retryableStatuses.includes(response.status),
      })
    } catch (error) {
      if (error instanceof TrattaError) throw error
      signal?.throwIfAborted()
      throw TrattaError.fromNetworkError(label, error, timeoutMs)
    }
  }

  return {
    createJitEndpoint: (url, options) =>
      send({
        method: 'POST',
        path: '/just-in-time',
        body: new URLSearchParams({ url }),
        retryableStatuses: [429, 503],
        ...options,
      }),
    trigger: (debt_account_external_id, options) =>
      send({
        method: 'POST',
        path: '/just-in-time/trigger',
        body: new URLSearchParams({ debt_account_external_id }),
        retryableStatuses: [429],
        // Tratta waits up to 10 seconds for our response and then processes it.
        timeoutMs: 30_000,
        ...options,
      }),
    bulk: (rows, options) =>
      send({
        method: 'POST',
        path: '/bulk',
        body: rows as Buffer<ArrayBuffer>,
        retryableStatuses: [429, 503],
        timeoutMs: 60_000,
        ...options,
      }),
    async bulkErrors(bulkId, { page = '', ...options } = {}) {
      const path = `/bulk/${encodeURIComponent(bulkId)}/errors`
      const { status, body, linkHeader } = await send({
        method: 'GET',
        path: path + page,
        retryableStatuses: [429, 503],
        timeoutMs: 60_000,
        maxBytes: MAX_ERRORS_BYTES,
        ...options,
      })
      return { status, body, next: nextPage(body, linkHeader, { apiUrl, path, page }), total: totalOf(body) }
    },
  }
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
