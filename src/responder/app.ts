/** What both ports share: limits of HTTP, refusals, one log line a request, health. */
import { randomBytes } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { describeError, type Log } from '../log.ts'
import type { Outcome } from './outcome.ts'
import { problemBody, sendProblem } from './problem.ts'
import type { Readiness } from './readiness.ts'

declare module 'fastify' {
  interface FastifyRequest {
    outcome: Outcome
    /** More for the log line. Nothing of a person or a debt may come into it. */
    logged: Record<string, unknown> | null
    hasEnded: boolean
  }
  interface FastifyInstance {
    /** Says once of each request how it ended. For those that Fastify does not see the end of. */
    ended(request: FastifyRequest, reply: FastifyReply, outcome: Outcome): void
  }
}

export interface AppOptions {
  log: Log
  readiness: Readiness
  /** Whether Tratta knows our URL: for the eye, a call would be answered either way. */
  registration: () => string
  trustedProxies: string[]
  /** Told once of each request that found a route, or found none. */
  counted?: (request: FastifyRequest, seconds: number) => void
}

export type App = ReturnType<typeof createApp>

const HEADERS_TIMEOUT_MS = 5000
/** Longer than a balancer keeps its side, or it would send a request into a connection that we close. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000
/** Of the headers, the URL among them (Node's default, named because guards lean on it). */
const MOST_HEADER_BYTES = 16_384

export function createApp({ log, readiness, registration, trustedProxies, counted }: AppOptions) {
  const app = fastify({
    // Fastify's own lines hold the URL, and with it the secret.
    logger: false,
    genReqId: requestIds(),
    trustProxy: trustedProxies.length > 0 ? trustedProxies : false,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    requestTimeout: HEADERS_TIMEOUT_MS,
    // A request on a connection that is still open when we stop is answered, not refused.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: MOST_HEADER_BYTES },
    http: {
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: 1000,
      maxHeaderSize: MOST_HEADER_BYTES,
    },
    frameworkErrors: (_error, request, reply) => {
      request.outcome = 'malformed_request'
      sendProblem(noStore(reply), 'malformed_request')
      logRequest(log, request, reply)
    },
    clientErrorHandler: (error, socket) => refuseUnreadable(log, error, socket),
  }).withTypeProvider<TypeBoxTypeProvider>()

  // Node would answer an unknown Expect with a bare 417; it may be ignored just as well (RFC 9110).
  app.server.on('checkExpectation', (request, response) => app.routing(request, response))

  app.decorateRequest('outcome', 'not_found')
  app.decorateRequest('logged', null)
  app.decorateRequest('hasEnded', false)
  app.decorate('ended', (request, reply, outcome) => {
    if (request.hasEnded) return
    request.hasEnded = true
    request.outcome = outcome
    logRequest(log, request, reply)
    counted?.(request, reply.elapsedTime / 1000)
  })
  app.addHook('onRequest', (request, reply, done) => {
    // Fastify ends no request whose client has gone. After an end in order this changes nothing.
    reply.raw.once('close', () => app.ended(request, reply, 'client_gone'))
    noStore(reply)
    if (readiness.stopping) reply.header('connection', 'close')
    if (hasBody(request)) {
      request.outcome = 'malformed_request'
      sendProblem(reply.header('connection', 'close'), 'malformed_request')
      return
    }
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    app.ended(request, reply, request.outcome)
    done()
  })
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, 'not_found'))
  app.setErrorHandler((error: { statusCode?: number }, request, reply) => {
    // Fastify's own refusals, of a Content-Type say.
    if (error.statusCode !== undefined && error.statusCode < 500) {
      request.outcome = 'malformed_request'
      return sendProblem(reply, 'malformed_request')
    }
    request.outcome = 'internal_error'
    request.logged = { ...request.logged, error: describeError(error) }
    return sendProblem(reply, 'internal_error')
  })

  app.get('/health/live', (request, reply) => {
    request.outcome = 'answered'
    return reply.send({ status: 'live' })
  })
  app.get('/health/ready', async (request, reply) => {
    const missing = await readiness.missing()
    if (missing) {
      request.outcome = 'not_ready'
      return sendProblem(reply, 'not_ready', { detail: missing })
    }
    request.outcome = 'answered'
    return reply.send({ status: 'ready', registration: registration() })
  })
  return app
}

const noStore = (reply: FastifyReply) => reply.header('cache-control', 'no-store')

const hasBody = ({ headers }: FastifyRequest) =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'

/** Unique across processes, short to read out. */
function requestIds() {
  const process = randomBytes(6).toString('base64url')
  let count = 0
  return () => `${process}-${(++count).toString(36)}`
}

/** By probes and scrapes. */
const ASKED_ALL_THE_TIME = /^\/(health|metrics)/

/** The one line of a request. */
function logRequest(log: Log, request: FastifyRequest, reply: FastifyReply) {
  const { statusCode } = reply
  const line = {
    route: request.routeOptions?.url ?? null,
    status: statusCode,
    outcome: request.outcome,
    ms: Math.round(reply.elapsedTime * 100) / 100,
    request_id: request.id,
    ...request.logged,
  }
  if (statusCode === 500) log.error(line)
  else if (statusCode > 500 || statusCode === 429) log.warn(line)
  else if (ASKED_ALL_THE_TIME.test(request.routeOptions?.url ?? '')) log.debug(line)
  else log.info(line)
}

/** Bytes that are not HTTP, headers that are too long or too slow: there is no request to answer by the route. */
function refuseUnreadable(log: Log, error: Error & { code?: string }, socket: Socket) {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const status =
    error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400
  log.info({ route: null, status, outcome: 'malformed_request', error: { code: error.code } })
  const body = problemBody('malformed_request', 'none')
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n${body}`,
  )
}
