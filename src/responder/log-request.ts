/** The log line of a request. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Log } from '../log.ts'
import { traceOf } from './trace-context.ts'

/** A request below the JIT route that matches no route: another method, or another number of segments. */
export const UNMATCHED_JIT_ROUTE = '/jit/*'

/** @returns the pattern of the route, never the URL, which holds the secret; null for an unknown path */
export const routeOf = ({ routeOptions, raw: { url = '' } }: FastifyRequest): string | null =>
  routeOptions?.url ?? (/^\/jit(\/|$|[?#])/.test(url) ? UNMATCHED_JIT_ROUTE : null)

/** Routes that probes and scrapes request every few seconds. Their log lines have level debug. */
const FREQUENT_ROUTES = /^\/(health|metrics)/

/** Writes the log line of a request. */
export function logRequest(log: Log, request: FastifyRequest, reply: FastifyReply) {
  const { statusCode } = reply
  const route = routeOf(request)
  const line = {
    route,
    ...(route === UNMATCHED_JIT_ROUTE && { method: request.method }),
    status: statusCode,
    outcome: request.outcome,
    ms: Math.round(reply.elapsedTime * 100) / 100,
    request_id: request.id,
    ...traceOf(request),
    ...request.logFields,
  }
  if (statusCode === 500) log.error(line)
  else if (statusCode > 500 || statusCode === 429) log.warn(line)
  else if (FREQUENT_ROUTES.test(route ?? '')) log.debug(line)
  else log.info(line)
}
