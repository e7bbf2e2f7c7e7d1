/**
 * The client for Tratta's API. What is known of it, and what is not, stands in docs/tratta.md; so every
 * answer is understood or handed on as it came, cut to a size.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { TrattaError } from './tratta-error.ts'

export interface TrattaClient {
  /** "Create a JIT endpoint": POST /just-in-time */
  createJitEndpoint(url: string, options?: RequestOptions): Promise<Answer>
  /** "Testing a JIT endpoint": POST /just-in-time/trigger. A 503 may be our own, relayed: it is not retried. */
  trigger(debtAccountExternalId: string, options?: RequestOptions): Promise<Answer>
}

/** What a 2xx held: JSON, or undefined when it held nothing. */
export interface Answer {
  status: number
  body: unknown
}

export interface ClientOptions {
  /** `https://<org-uuid>.production.tratta.io/api/v1` */
  apiUrl: string
  token: string
  /** Tratta's limit; the client stays below it by spacing its requests evenly. Default 300. */
  requestsPerMinute?: number
  /** Texts that no error may repeat, whatever Tratta says: the token is one of them by itself. */
  secrets?: string[]
}

export interface RequestOptions {
  /** From the connection to the last byte. Default 10000. */
  timeoutMs?: number
  /** How often it is tried where Tratta surely took nothing. Default 4. */
  attempts?: number
  signal?: AbortSignal
}

interface Request extends RequestOptions {
  method: 'POST'
  path: string
  body: URLSearchParams
  /** Statuses by which Tratta says that it took nothing and may be asked again. */
  retryable: number[]
}

const MOST_BYTES = 1024 * 1024
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 60_000

export function createTrattaClient({
  apiUrl,
  token,
  requestsPerMinute = 300,
  secrets = [],
}: ClientOptions): TrattaClient {
  const paced = pacer(60_000 / requestsPerMinute)
  const masked = (text: string) =>
    [token, ...secrets].reduce((text, secret) => text.replaceAll(secret, '…'), text)

  /** @throws {TrattaError} */
  async function send(request: Request): Promise<Answer> {
    const { attempts = 4, signal } = request
    for (let attempt = 1; ; attempt++) {
      try {
        await paced(signal)
        return await sendOnce(request)
      } catch (error) {
        if (!(error instanceof TrattaError) || !error.mayBeTriedAgain || attempt >= attempts) throw error
        // Full jitter, so that clients which were refused together do not come back together.
        const jitter = Math.random() * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt)
        if ((error.retryAfterMs ?? 0) > LONGEST_PAUSE_MS) throw error
        await pause((error.retryAfterMs ?? 0) + jitter, undefined, signal && { signal })
      }
    }
  }

  async function sendOnce({ method, path, body, retryable, timeoutMs = 10_000, signal }: Request) {
    const tried = `${method} ${path}`
    const timeout = AbortSignal.timeout(timeoutMs)
    try {
      const response = await fetch(apiUrl + path, {
        method,
        body,
        headers: { authorization: `Bearer ${token}`, accept: 'application/json' },
        // Tratta's pages know of no redirect; following one would take the token elsewhere.
        redirect: 'manual',
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      })
      const text = await readText(response, tried)
      const isJson = (response.headers.get('content-type') ?? '').includes('json')
      const parsed = parseJson(text)
      const isUnderstood = text.trim() === '' || parsed !== undefined
      if (response.ok && isUnderstood) return { status: response.status, body: parsed }
      throw TrattaError.answered(tried, response, masked(text), {
        body: isJson || parsed !== undefined ? parseJson(masked(text)) : undefined,
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
  }
}

/** Lets one request begin every so many milliseconds. */
function pacer(everyMs: number) {
  let next = 0
  return async (signal?: AbortSignal) => {
    const now = performance.now()
    const due = Math.max(now, next)
    next = due + everyMs
    if (due > now) await pause(due - now, undefined, signal && { signal })
  }
}

async function readText(response: Response, tried: string): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > MOST_BYTES) throw TrattaError.tooLong(tried, response.status, MOST_BYTES)
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
