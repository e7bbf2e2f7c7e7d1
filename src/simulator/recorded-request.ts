import type { FastifyRequest } from 'fastify'

/** One request below /api/v1, as it came. */
export interface RecordedRequest {
  method: string
  /** Path and query, as asked. */
  url: string
  /** All but authorization. */
  headers: Record<string, string | string[] | undefined>
  /** Whether the token was right. */
  authorized: boolean
  /** The body as text, if it was read and is at most 16 kB. */
  body?: string
  /** Milliseconds since 1970. */
  at: number
  /** Null while nothing was answered, and for good if the answer was lost or the connection reset. */
  status: number | null
}

const MAX_REQUESTS = 10_000
const MAX_BODY_CHARACTERS = 16_384

/** Only the last 10,000 are kept: a stress test asks many times more. */
export function recordRequest(
  requests: RecordedRequest[],
  request: FastifyRequest,
  authorized: boolean,
): RecordedRequest {
  const { authorization: _, ...headers } = request.headers
  const recorded = {
    method: request.method,
    url: request.url,
    headers,
    authorized,
    at: Date.now(),
    status: null,
  }
  if (requests.length === MAX_REQUESTS) requests.shift()
  requests.push(recorded)
  return recorded
}

export function recordBody(recorded: RecordedRequest | undefined, body: string): void {
  if (recorded && body.length <= MAX_BODY_CHARACTERS) recorded.body = body
}
