/** Error responses: `application/problem+json` (RFC 9457) with `code` and `request_id`. */
import type { FastifyReply } from 'fastify'

export const PROBLEMS = {
  invalid_parameter: {
    status: 400,
    title: 'debt_account_external_id must be given once, with 1 to 255 characters and no control characters',
  },
  malformed_request: { status: 400, title: 'Malformed request' },
  client_not_allowed: { status: 403, title: 'This client address is not allowed' },
  not_found: { status: 404, title: 'Not found' },
  account_not_found: { status: 404, title: 'No such debt account' },
  too_many_guesses: { status: 429, title: 'Too many requests' },
  account_not_sendable: {
    status: 500,
    title: 'The debt account has a required field that is missing or not valid',
  },
  account_not_readable: { status: 500, title: 'The database cannot read the debt account' },
  account_too_large: { status: 500, title: 'The debt account is larger than JIT_MAX_ANSWER_BYTES' },
  internal_error: { status: 500, title: 'Internal error' },
  database_unavailable: { status: 503, title: 'The database is unavailable' },
  database_busy: { status: 503, title: 'More calls are waiting than can be answered in time' },
  not_ready: { status: 503, title: 'Not ready' },
  deadline_exceeded: { status: 504, title: 'The database did not answer in time' },
} as const

export type ProblemCode = keyof typeof PROBLEMS

export interface ProblemDetails {
  /** Overrides the default status of the code. */
  status?: number
  detail?: string
  /** The name of a field of Tratta's. */
  field?: string
  /** A detail for operators. */
  checks?: object
}

export function problemBody(code: ProblemCode, requestId: string, details: ProblemDetails = {}) {
  const { status, title } = PROBLEMS[code]
  return JSON.stringify({ type: 'about:blank', title, status, code, ...details, request_id: requestId })
}

export function sendProblem(
  reply: FastifyReply,
  code: ProblemCode,
  { retryAfterSeconds, ...details }: ProblemDetails & { retryAfterSeconds?: number } = {},
) {
  if (retryAfterSeconds !== undefined) reply.header('retry-after', retryAfterSeconds)
  return reply
    .code(PROBLEMS[code].status)
    .header('content-type', 'application/problem+json')
    .send(problemBody(code, reply.request.id, details))
}

/** The result of a request, for the log and the metrics. */
export type Outcome = 'answered' | 'wrong_secret' | 'client_disconnected' | ConsoleOutcome | ProblemCode

type ConsoleOutcome = 'not_signed_in' | 'console_refused'

/**
 * The outcomes of JIT calls. A wrong secret has an outcome of its own, although its response is not_found.
 */
export const CALL_OUTCOMES: Outcome[] = [
  'answered',
  'wrong_secret',
  'client_disconnected',
  ...(Object.keys(PROBLEMS) as ProblemCode[]).filter((code) => code !== 'not_found' && code !== 'not_ready'),
]

/** The outcomes without a correct secret. Nobody without it may fill the call log. */
const UNAUTHENTICATED: Outcome[] = [
  'wrong_secret',
  'too_many_guesses',
  'client_not_allowed',
  'malformed_request',
]

/** The outcomes of calls in the call log. */
export const LOGGED_OUTCOMES = CALL_OUTCOMES.filter((outcome) => !UNAUTHENTICATED.includes(outcome))
