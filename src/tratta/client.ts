/**
 * The client for Tratta's API. What is known of it, and what is not, stands in docs/tratta.md; so every
 * answer is understood or handed on as it came, cut to a size.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { createSecretMask } from './mask-secrets.ts'
import { nextPage, totalOf } from './next-page.ts'
import { pacer } from './pacer.ts'
import { TrattaError } from './tratta-error.ts'

export interface TrattaClient {
  /** "Create a JIT endpoint": POST /just-in-time */
  createJitEndpoint(url: string, options?: RequestOptions): Promise<Answer>
  /** "Testing a JIT endpoint": POST /just-in-time/trigger. A 503 may be our own, relayed: it is not retried. */
  trigger(debtAccountExternalId: string, options?: RequestOptions): Promise<Answer>
  /** "Create Bulk Action": POST /bulk. @param rows a JSON array of at most 1,000 */
  bulk(rows: Buffer, options?: RequestOptions): Promise<Answer>
  /**
   * "Errors" of Bulk: GET /bulk/{id}/errors, one page.
   * @param page the `next` of the page before
   * @throws {ForeignPageError}
   */
  bulkErrors(bulkId: string, options?: RequestOptions & { page?: string | undefined }): Promise<ErrorsPage>
}

/** What a 2xx held: JSON, or undefined when it held nothing. */
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
  /** The number of rows on all pages, where Tratta gives it. */
  total: number | undefined
}

export interface ClientOptions {
  /** `https://<org-uuid>.production.tratta.io/api/v1` */
  apiUrl: string
  token: string
  /** Tratta's limit; the client stays below it by spacing its requests evenly. Default 300. */
  requestsPerMinute?: number
  /** Masked in every answer, as the token is. */
  secrets?: string[]
  /** Sees the head of every answer. */
  onAnswer?: (response: Response) => void
}

export interface RequestOptions {
  /** From the connection to the last byte. Default 10000. */
  timeoutMs?: number
  /** How often it is tried where Tratta surely took nothing. Default 4. */
  attempts?: number
  signal?: AbortSignal
  /** An answer that is longer is not read to its end. Default 1 MB. */
  mostBytes?: number
  /** Lets others go before it. */
  background?: boolean
  /** Awaited when it is its turn, before anything is sent. */
  onTurn?: () => Promise<void>
}

interface Request extends RequestOptions {
  method: 'GET' | 'POST'
  path: string
  body?: URLSearchParams | Buffer<ArrayBuffer>
  /** Statuses by which Tratta says that it took nothing and may be asked again. */
  retryable: number[]
}

const MOST_BYTES = 1024 * 1024
/** A thousand customers, each with what was sent and, once more, each account that was refused. */
const MOST_BYTES_OF_ERRORS = 64 * MOST_BYTES
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 60_000

export function createTrattaClient({
  apiUrl,
  token,
  requestsPerMinute = 300,
  secrets = [],
  onAnswer,
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
        const answer = await sendOnce(request)
        pace.speedUp()
        return answer
      } catch (error) {
        if (!(error instanceof TrattaError)) throw error
        if (error.status === 429)
          pace.slowDown(Math.min(LONGEST_PAUSE_MS, error.retryAfterMs ?? FIRST_PAUSE_MS * 2 ** attempt))
        const mayBeTriedAgain = request.method === 'GET' ? error.fate !== 'refused' : error.mayBeTriedAgain
        if (!mayBeTriedAgain || attempt >= attempts) throw error
        // Full jitter, so that clients which were refused together do not come back together.
        const jitter = Math.random() * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt)
        if ((error.retryAfterMs ?? 0) > LONGEST_PAUSE_MS) throw error
        await pause((error.retryAfterMs ?? 0) + jitter, undefined, signal && { signal })
      }
    }
  }

  async function sendOnce(request: Request) {
    const {
      method,
      path,
      body: sent,
      retryable,
      timeoutMs = 10_000,
      signal,
      mostBytes = MOST_BYTES,
    } = request
    const tried = `${method} ${path}`
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
        // Tratta's pages know of no redirect; following one would take the token elsewhere.
        redirect: 'manual',
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      })
      onAnswer?.(response)
      const text = await readText(response, tried, mostBytes)
      const parsed = parseJson(text)
      // After parsing: in the text a secret can be escaped.
      const body = mask.value(parsed)
      const isUnderstood = text.trim() === '' || parsed !== undefined
      if (response.ok && isUnderstood)
        return { status: response.status, body, linkHeader: response.headers.get('link') }
      throw TrattaError.answered(tried, response, mask.text(text), {
        body,
        mayBeTriedAgain: retryable.includes(response.status),
      })
    } catch (error) {
      if (error instanceof TrattaError) throw error
      signal?.throwIfAborted()
      throw TrattaError.unanswered(tried, error, timeoutMs)
    }
  }

  return {
    createJitEndpoint: (url, options) =>
      send({
        method: 'POST',
        path: '/just-in-time',
        body: new URLSearchParams({ url }),
        retryable: [429, 503],
        ...options,
      }),
    trigger: (debt_account_external_id, options) =>
      send({
        method: 'POST',
        path: '/just-in-time/trigger',
        body: new URLSearchParams({ debt_account_external_id }),
        retryable: [429],
        // Tratta itself waits 10 seconds for us, and then has work to do.
        timeoutMs: 30_000,
        ...options,
      }),
    bulk: (rows, options) =>
      send({
        method: 'POST',
        path: '/bulk',
        body: rows as Buffer<ArrayBuffer>,
        retryable: [429, 503],
        timeoutMs: 60_000,
        ...options,
      }),
    async bulkErrors(bulkId, { page = '', ...options } = {}) {
      const path = `/bulk/${encodeURIComponent(bulkId)}/errors`
      const { status, body, linkHeader } = await send({
        method: 'GET',
        path: path + page,
        retryable: [429, 503],
        timeoutMs: 60_000,
        mostBytes: MOST_BYTES_OF_ERRORS,
        ...options,
      })
      return { status, body, next: nextPage(body, linkHeader, { apiUrl, path, page }), total: totalOf(body) }
    },
  }
}

async function readText(response: Response, tried: string, mostBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > mostBytes) throw TrattaError.tooLong(tried, response.status, mostBytes)
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
