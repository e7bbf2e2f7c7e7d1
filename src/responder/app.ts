/** The part that both ports share: HTTP limits, rejected requests, one log line per request, and health. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { describeError, type Log } from '../log.ts'
import type { RegistrationState } from '../tratta/register-in-background.ts'
import type { CallRecord } from './call-record.ts'
import { type Certificate, serverOptions } from './certificate.ts'
import { clientAddressResolver } from './client-address.ts'
import { logRequest } from './log-request.ts'
import type { Outcome } from './problem.ts'
import { sendProblem } from './problem.ts'
import type { Readiness } from './readiness.ts'
import { ignoreBody } from './request-body.ts'
import { requestIds } from './request-id.ts'
import { routeUrlResolver } from './route-url.ts'
import { unreadableRequests } from './unreadable-request.ts'

declare module 'fastify' {
  interface FastifyRequest {
    outcome: Outcome
    /** Additional fields of the log line, without data of a person or a debt. */
    logFields: Record<string, unknown> | null
    isFinished: boolean
    /** A call with the correct secret, for the call log. */
    call: CallRecord | null
    /** The client address, with TRUSTED_PROXIES applied. */
    readonly clientAddress: string
  }
  interface FastifyContextConfig {
    /** The route reads a form: its body is not ignored. */
    hasForm?: true
  }
  interface FastifyInstance {
    /** Logs and counts a request once. Also called for requests whose end Fastify does not report. */
    finish(request: FastifyRequest, reply: FastifyReply, outcome: Outcome): void
  }
}

interface AppOptions {
  log: Log
  readiness: Readiness
  /** The state of the registration at Tratta, for display only: calls are answered in every state. */
  registration: () => RegistrationState
  trustedProxies: string[]
  /** PUBLIC_URL: the path of this URL is accepted in front of the JIT route. */
  publicUrl?: string | undefined
  /** Serves https with this certificate. */
  certificate?: Certificate | undefined
  /** Called once for each request that reached the router. */
  onFinish?: (request: FastifyRequest, reply: FastifyReply) => void
}

export type App = ReturnType<typeof createApp>

const HEADERS_TIMEOUT_MS = 5000
/** Node closes an idle connection one second later. limit-connections.ts keeps some open for longer. */
const KEEP_ALIVE_TIMEOUT_MS = 4000
/** The maximum size of the headers and the URL. This is Node's default; other limits depend on it. */
const MAX_HEADER_BYTES = 16_384

export function createApp(options: AppOptions) {
  const { log, readiness, registration, onFinish } = options
  const nextId = requestIds()
  const routeUrl = routeUrlResolver(options.publicUrl)
  const clientAddress = clientAddressResolver(options.trustedProxies)
  const unreadable = unreadableRequests(log, nextId)
  const app = fastify({
    // Fastify's own log lines contain the URL, and the URL contains the secret.
    logger: false,
    genReqId: nextId,
    rewriteUrl: ({ url = '/' }) => routeUrl(url),
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    requestTimeout: HEADERS_TIMEOUT_MS,
    // A request on a connection that is still open when we stop is answered, not rejected.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: MAX_HEADER_BYTES },
    ...serverOptions(options.certificate, {
      // Without this, Node responds with a 400 without a body.
      requireHostHeader: false,
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: 1000,
      maxHeaderSize: MAX_HEADER_BYTES,
    }),
    frameworkErrors: (_error, request, reply) => {
      sendProblem(noStore(reply), 'malformed_request')
      app.finish(request, reply, 'malformed_request')
    },
    clientErrorHandler: unreadable.onClientError,
  }).withTypeProvider<TypeBoxTypeProvider>()

  app.server.prependListener('request', (request: IncomingMessage, response: ServerResponse) =>
    unreadable.onRequest(request.socket, response),
  )
  // Node responds to an unknown Expect header with a 417 without a body. RFC 9110 allows to ignore the
  // header.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))

  app.decorateRequest('outcome', 'not_found')
  app.decorateRequest('logFields', null)
  app.decorateRequest('isFinished', false)
  app.decorateRequest('call', null)
  app.decorateRequest('clientAddress', {
    getter() {
      return clientAddress(this.raw)
    },
  })
  app.decorate('finish', (request, reply, outcome) => {
    if (request.isFinished) return
    request.isFinished = true
    request.outcome = outcome
    logRequest(log, request, reply)
    onFinish?.(request, reply)
  })
  app.addHook('onRequest', (request, reply, done) => {
    // Fastify does not report the end of a request whose client disconnected. After a normal end this is a
    // no-op.
    reply.raw.once('close', () => app.finish(request, reply, 'client_disconnected'))
    noStore(reply)
    if (readiness.stopping) reply.header('connection', 'close')
    if (request.headers.host === undefined && request.raw.httpVersion === '1.1')
      rejectMalformed(request, reply)
    else if (request.routeOptions.config.hasForm) done()
    else
      ignoreBody(request, (isIgnored) => {
        if (isIgnored) done()
        else rejectMalformed(request, reply)
      })
  })
  app.addHook('onResponse', (request, reply, done) => {
    app.finish(request, reply, request.outcome)
    done()
  })
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, 'not_found'))
  app.setErrorHandler((error: { statusCode?: number }, request, reply) => {
    // Requests that Fastify itself rejects, for example for an unknown Content-Type.
    if (error.statusCode !== undefined && error.statusCode < 500) {
      request.outcome = 'malformed_request'
      return sendProblem(reply, 'malformed_request')
    }
    request.outcome = 'internal_error'
    request.logFields = { ...request.logFields, error: describeError(error) }
    return sendProblem(reply, 'internal_error')
  })

  app.get('/health/live', WITH_HEAD, (request, reply) => {
    request.outcome = 'answered'
    return reply.send({ status: 'live' })
  })
  app.get('/health/ready', WITH_HEAD, async (request, reply) => {
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

function rejectMalformed(request: FastifyRequest, reply: FastifyReply) {
  request.outcome = 'malformed_request'
  sendProblem(reply.header('connection', 'close'), 'malformed_request')
}

/** Some health probes send HEAD. */
export const WITH_HEAD = { exposeHeadRoute: true }
