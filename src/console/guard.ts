/**
 * What every request to the console passes: security headers, the Host header against DNS rebinding, the origin and the
 * token of a POST, and the session.
 */
import { isIP } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { html } from 'ghtml'
import type { Config } from '../config.ts'
import { addressMatcher, peerAddress } from '../responder/client-address.ts'
import { sendPage } from './layout.ts'
import type { Refusal } from './refusal.ts'
import { isSame, type Session, type Sessions } from './sessions.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Present on every page of the console but the sign-in page. */
    session: Session | undefined
  }
  interface FastifyContextConfig {
    /** The route of the console needs no session. */
    isPublic?: true
  }
}

const COOKIE = 'tratta_jit_console'

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
}

interface GuardOptions {
  config: Config
  sessions: Sessions
  onRefused: (reason: Refusal) => void
}

export function createGuard({ config, sessions, onRefused }: GuardOptions) {
  const isTrusted = addressMatcher(config.TRUSTED_PROXIES)
  const fromProxy = (request: FastifyRequest) => isTrusted(peerAddress(request.raw.socket))
  const names = new Set(
    ['localhost', config.ADMIN_HOST, ...config.CONSOLE_HOSTS].map((name) => name.toLowerCase()),
  )
  const userHeader = config.CONSOLE_USER_HEADER?.toLowerCase()

  /** Only a name can be rebound by DNS to this machine, so that every IP address is accepted. */
  const isOurHost = (host: string | undefined) => {
    const name = URL.parse(`http://${host}`)?.hostname.replace(/^\[|\]$/g, '')
    return name !== undefined && (isIP(name) > 0 || names.has(name))
  }

  /**
   * Browsers send `Origin: null` with the policy no-referrer, and Sec-Fetch-Site to https and localhost only. The token
   * and the SameSite cookie protect the rest.
   */
  const isOurOrigin = ({ headers }: FastifyRequest) => {
    const { origin, host } = headers
    const site = headers['sec-fetch-site']
    if (site !== undefined && site !== 'same-origin') return false
    if (origin === undefined || origin === 'null') return true
    const url = URL.parse(origin)
    return url !== null && (url.host === host || config.CONSOLE_HOSTS.includes(url.hostname))
  }

  const refuse = (
    request: FastifyRequest,
    reply: FastifyReply,
    reason: Refusal,
    status: number,
    text: string,
  ) => {
    onRefused(reason)
    request.outcome = 'console_refused'
    request.logFields = { reason, client: request.clientAddress }
    return sendPage(reply.code(status), {
      title: 'Not allowed',
      body: html`<p>${text}</p><p><a href="./">Back to the console</a></p>`,
    })
  }

  return {
    refuse,

    async onRequest(request: FastifyRequest, reply: FastifyReply) {
      reply.headers(HEADERS)
      if (!isOurHost(request.headers.host))
        return refuse(
          request,
          reply,
          'host',
          403,
          'The console does not accept this host name. Add it to CONSOLE_HOSTS.',
        )
      const isPost = request.method === 'POST'
      if (isPost && !isOurOrigin(request))
        return refuse(request, reply, 'origin', 403, 'The form was sent from another site.')
      const id = request.cookies[COOKIE]
      request.session = id ? sessions.find(id, request.headers['x-live'] === undefined) : undefined
      if (request.session || request.routeOptions.config.isPublic) return
      if (isPost || request.headers['x-live'] !== undefined)
        return refuse(request, reply, 'session', 401, 'Your session has ended. Sign in again.')
      request.outcome = 'not_signed_in'
      const path = request.routeOptions.url?.slice(1)
      return reply.redirect(path ? `sign-in?to=${path}` : 'sign-in', 303)
    },

    /** After the form is read. */
    async preHandler(request: FastifyRequest, reply: FastifyReply) {
      if (request.method !== 'POST' || request.routeOptions.config.isPublic) return
      const { token = '' } = request.body as { token?: string }
      if (!request.session || !isSame(token, request.session.token))
        return refuse(request, reply, 'token', 403, 'The form is no longer valid. Open the page again.')
    },

    /** @returns the user that an authenticating proxy names */
    userOf(request: FastifyRequest): string | undefined {
      const value = userHeader && fromProxy(request) ? request.headers[userHeader] : undefined
      return typeof value === 'string' && value !== '' ? value.slice(0, 100) : undefined
    },

    startSession(request: FastifyRequest, reply: FastifyReply, user: string) {
      const isSecure = fromProxy(request) && request.headers['x-forwarded-proto'] === 'https'
      reply.setCookie(COOKIE, sessions.start(user), {
        path: '/',
        httpOnly: true,
        sameSite: 'strict',
        secure: isSecure,
      })
    },

    endSession(request: FastifyRequest, reply: FastifyReply) {
      const id = request.cookies[COOKIE]
      if (id) sessions.end(id)
      reply.clearCookie(COOKIE, { path: '/' })
    },
  }
}

export type Guard = ReturnType<typeof createGuard>
