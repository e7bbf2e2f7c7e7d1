import { setTimeout as sleep } from 'node:timers/promises'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { addApiRoutes } from './api-routes.ts'
import { addControlRoutes, type Control } from './control-routes.ts'
import { sendError } from './error-response.ts'
import { type RequestFault, sendFault } from './fault-injection.ts'
import { type RecordedRequest, recordBody, recordRequest } from './recorded-request.ts'
import type { State } from './state.ts'

const API = '/api/v1'
const BODY_LIMIT = 32 * 1024 * 1024

/**
 * Builds the simulated Tratta as a Fastify instance that does not listen yet. Every request calls `state`,
 * because a reset replaces it.
 */
export function buildApp(state: () => State, control: Control): FastifyInstance {
  const app = Fastify({ bodyLimit: BODY_LIMIT, forceCloseConnections: true, exposeHeadRoutes: false })
  // Not Fastify decorators, because their types would apply to every Fastify server of the project.
  const inFlight = new WeakMap<
    FastifyRequest,
    { recorded: RecordedRequest; fault: RequestFault | undefined }
  >()

  // Routes parse bodies themselves: Laravel treats invalid JSON as a request without fields.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (request, body, done) => {
    recordBody(inFlight.get(request)?.recorded, body as string)
    done(null, body)
  })

  app.addHook('onRequest', async (request, reply) => {
    const path = apiPath(request)
    if (path === undefined) return
    const { settings, requests, faults, rateLimit } = state()
    const authorized = request.headers.authorization === `Bearer ${settings.token}`
    const fault = faults.next(path)
    inFlight.set(request, { recorded: recordRequest(requests, request, authorized), fault })
    if (fault && fault.kind !== 'slow' && fault.kind !== 'lost_response')
      return sendFault(request, reply, fault)

    const wait = rateLimit(settings.requestsPerMinute)
    if (wait > 0) {
      if (settings.retryAfter) reply.header('retry-after', Math.ceil(wait / 1000))
      return sendError(request, reply, 429)
    }
    if (!authorized) return sendError(request, reply, settings.unauthorizedStatus)
  })

  app.addHook('onSend', async (request, reply, payload) => {
    const current = inFlight.get(request)
    if (!current) return payload
    const { recorded, fault } = current
    const { settings, random } = state()
    if (fault?.kind === 'slow') await sleep(fault.ms, undefined, { ref: false })
    const isLost =
      fault?.kind === 'lost_response' ||
      (!fault && settings.lostResponses > 0 && random() < settings.lostResponses)
    if (isLost && settings.lostResponseStatus > 0) {
      reply.code(settings.lostResponseStatus)
      return JSON.stringify({ message: 'The gateway lost the response.' })
    }
    if (isLost) request.raw.socket.destroy()
    else recorded.status = reply.statusCode
    return payload
  })

  app.setNotFoundHandler((request, reply) =>
    sendError(request, reply, 404, `The route ${request.url.split('?', 1)[0]!.slice(1)} could not be found.`),
  )
  app.setErrorHandler<{ statusCode?: number }>((error, request, reply) =>
    sendError(request, reply, error.statusCode ?? 500),
  )
  app.register(async (api) => addApiRoutes(api, state), { prefix: API })
  app.register(async (scope) => addControlRoutes(scope, state, control))
  return app
}

/** The path below /api/v1; undefined for other paths. */
function apiPath(request: FastifyRequest): string | undefined {
  const path = request.url.split('?', 1)[0]!
  return path === API || path.startsWith(`${API}/`) ? path.slice(API.length) : undefined
}
