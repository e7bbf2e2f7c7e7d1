/**
 * The console in the browser, on the admin port. Pages are rendered here, are complete without JavaScript, and load
 * nothing from elsewhere. See docs/console.md.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import cookie from '@fastify/cookie'
import formbody from '@fastify/formbody'
import fastifyStatic from '@fastify/static'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { html } from 'ghtml'
import { userFacing } from '../database/connection-errors.ts'
import { replaceConnections } from '../database/new-connections.ts'
import { createPool } from '../database/pool.ts'
import { describeError } from '../log.ts'
import type { App } from '../responder/app.ts'
import { addAccountPages } from './account.ts'
import { addApiPage } from './api.ts'
import { addBulkPages } from './bulk.ts'
import { addCallPages } from './calls.ts'
import { addCheckPages } from './check.ts'
import { createGuard } from './guard.ts'
import { code, message } from './html.ts'
import { addImportPages } from './imports.ts'
import { sendPage } from './layout.ts'
import { addOverview } from './overview.ts'
import { createSessions } from './sessions.ts'
import { addSetup } from './setup.ts'
import type { Console, ConsoleOptions, Shared } from './shared.ts'
import { addSignIn } from './sign-in.ts'

const CONNECTIONS = 4
const CONNECTION_MS = 3000
const STATEMENT_MS = 10_000
const END_MS = 400
const MAX_FORM_BYTES = 16_384

const ASSETS = fileURLToPath(new URL('assets', import.meta.url))
const SIMPLE_CSS = fileURLToPath(new URL('.', import.meta.resolve('simpledotcss/simple.min.css')))

export async function addConsole(admin: App, options: ConsoleOptions): Promise<Console> {
  const { config, onRefused } = options
  let current = config
  const pool = createPool(
    { ...config, DATABASE_POOL_SIZE: CONNECTIONS },
    { connectionMs: CONNECTION_MS, statementMs: STATEMENT_MS },
  )
  const sessions = createSessions()
  const guard = createGuard({ config, sessions, onRefused })
  const shared: Shared = {
    ...options,
    get config() {
      return current
    },
    pool,
    send(request, reply, page) {
      request.outcome = 'answered'
      return sendPage(reply, { ...page, session: request.session })
    },
  }
  // A context of its own: health and metrics are answered without the console's hooks.
  await admin.register(async (plugin) => {
    const app = plugin as unknown as App
    await app.register(cookie)
    await app.register(formbody, { bodyLimit: MAX_FORM_BYTES })
    await app.register(fastifyStatic, { root: ASSETS, serve: false, cacheControl: false })
    app.decorateRequest('session', undefined)
    app.addHook('onRequest', guard.onRequest)
    app.addHook('preHandler', guard.preHandler)
    // A statement that is running must not delay the stop.
    app.addHook('onClose', () => Promise.race([pool.end(), pause(END_MS)]))
    app.setErrorHandler(sendError)
    await addSignIn(app, { guard, config, onRefused })
    for (const add of [
      addOverview,
      addCallPages,
      addAccountPages,
      addBulkPages,
      addImportPages,
      addCheckPages,
      addSetup,
      addApiPage,
    ])
      add(app, shared)
    for (const [name, folder, file = name] of [
      ['console.css', ASSETS],
      ['content.css', ASSETS],
      ['charts.css', ASSETS],
      ['console.js', ASSETS],
      ['icon.svg', ASSETS],
      ['simple.css', SIMPLE_CSS, 'simple.min.css'],
    ] as const)
      app.get(`/assets/${name}`, { config: { isPublic: true } }, (request, reply) => {
        request.outcome = 'answered'
        return reply.sendFile(file, folder)
      })
  })
  return {
    useSecrets(next) {
      if (next.DATABASE_URL !== current.DATABASE_URL) replaceConnections(pool, next.DATABASE_URL)
      current = { ...current, ...next }
    },
  }
}

function sendError(error: { statusCode?: number }, request: FastifyRequest, reply: FastifyReply) {
  const { session } = request
  if (error.statusCode !== undefined && error.statusCode < 500) {
    request.outcome = 'malformed_request'
    const body = html`<p>The request is not valid.</p>`
    return sendPage(reply.code(error.statusCode), { title: 'Not possible', session, body })
  }
  const known = userFacing(error)
  request.outcome = known ? 'database_unavailable' : 'internal_error'
  request.logFields = { ...request.logFields, error: describeError(error) }
  return sendPage(reply.code(known ? 503 : 500), {
    title: 'Error',
    session,
    body: message(
      'bad',
      html`<p>${known?.message ?? 'An internal error occurred.'}</p>
        <p>The log has the details, by request_id !${code(request.id)}.</p>`,
    ),
  })
}
