import type { FastifyRequest } from 'fastify'

/** One request below /api/v1. */
export interface RecordedRequest {
  method: string
  /** Path and query, unchanged. */
  url: string
  /** All headers except authorization. */
  headers: Record<string, string | string[] | undefined>
  /** Whether the token was valid. */
  authorized: boolean
  /** The body as text, if it was read and has at most 16,384 characters. */
  body?: string
  /** Milliseconds since 1970. */
  at: number
  /** Null until the response is sent; stays null if the response was lost or the connection reset. */
  status: number | null
}

const MAX_REQUESTS = 10_000
const MAX_BODY_CHARACTERS = 16_384

/** Keeps the last 10,000 requests: a load test sends many times more. */
export function recordRequest(
  requests: RecordedRequest[],
  request: FastifyRequest,
  authorized: boolean,
): RecordedRequest {
  const { authorization: _, ...headers } = request.headers
  const { method, url } = request
  const recorded = { method, url, headers, authorized, at: Date.now(), status: null }
  if (requests.length === MAX_REQUESTS) requests.shift()
  requests.push(recorded)
  return recorded
}

export function recordBody(recorded: RecordedRequest | undefined, body: string): void {
  if (recorded && body.length <= MAX_BODY_CHARACTERS) recorded.body = body
}
