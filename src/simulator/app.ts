import { setTimeout as sleep } from 'node:timers/promises'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { addApiRoutes } from './api-routes.ts'
import { addControlRoutes, type Control } from './control-routes.ts'
import { sendFault } from './faults.ts'
import { misbehave } from './misbehave.ts'
import type { Misbehaviour } from './misbehaviour.ts'
import { type RecordedRequest, recordBody, recordRequest } from './recorded-request.ts'
import type { State } from './state.ts'

const API = '/api/v1'
const BODY_LIMIT = 32 * 1024 * 1024

/** The simulated Tratta as a Fastify instance that does not listen yet. `state` is asked anew by each request. */
export function buildApp(state: () => State, control: Control): FastifyInstance {
  const app = Fastify({ bodyLimit: BODY_LIMIT, forceCloseConnections: true, exposeHeadRoutes: false })
  // not decorations: their types would reach into every Fastify server of the project
  const underWay = new WeakMap<FastifyRequest, { recorded: RecordedRequest; how: Misbehaviour | undefined }>()

  // routes parse their bodies themselves: what is not JSON is to Laravel a request without fields, not an error
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (request, body, done) => {
    recordBody(underWay.get(request)?.recorded, body as string)
    done(null, body)
  })

  app.addHook('onRequest', async (request, reply) => {
    const path = apiPath(request)
    if (path === undefined) return
    const { settings, requests, misbehaviours, rateLimit } = state()
    const authorized = request.headers.authorization === `Bearer ${settings.token}`
    const how = misbehaviours.next(path)
    underWay.set(request, { recorded: recordRequest(requests, request, authorized), how })
    if (how && how.kind !== 'slow' && how.kind !== 'lost') return misbehave(request, reply, how)

    const wait = rateLimit.take(settings.requestsPerMinute)
    if (wait > 0) {
      if (settings.retryAfter) reply.header('retry-after', Math.ceil(wait / 1000))
      return sendFault(request, reply, 429)
    }
    if (!authorized) return sendFault(request, reply, 401)
  })

  app.addHook('onSend', async (request, reply, payload) => {
    const api = underWay.get(request)
    if (!api) return payload
    const { recorded, how } = api
    const { settings, drawLoss } = state()
    if (how?.kind === 'slow') await sleep(how.ms, undefined, { ref: false })
    const isLost =
      how?.kind === 'lost' || (!how && settings.lostAnswers > 0 && drawLoss() < settings.lostAnswers)
    if (isLost) request.raw.socket.destroy()
    else recorded.status = reply.statusCode
    return payload
  })

  app.setNotFoundHandler((request, reply) =>
    sendFault(request, reply, 404, `The route ${request.url.split('?', 1)[0]!.slice(1)} could not be found.`),
  )
  app.setErrorHandler<{ statusCode?: number }>((error, request, reply) =>
    sendFault(request, reply, error.statusCode ?? 500),
  )
  app.register(async (api) => addApiRoutes(api, state), { prefix: API })
  app.register(async (outside) => addControlRoutes(outside, state, control))
  return app
}

/** The path below /api/v1; undefined outside of it. */
function apiPath(request: FastifyRequest): string | undefined {
  const path = request.url.split('?', 1)[0]!
  return path === API || path.startsWith(`${API}/`) ? path.slice(API.length) : undefined
}
