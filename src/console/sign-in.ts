/** Signing in with CONSOLE_PASSWORD, and signing out. */
import rateLimit from '@fastify/rate-limit'
import { html } from 'ghtml'
import type { Config } from '../config.ts'
import type { App } from '../responder/app.ts'
import { addressGroup } from '../responder/client-address.ts'
import type { Guard } from './guard.ts'
import { message } from './html.ts'
import { type Page, sendPage } from './layout.ts'
import type { Refusal } from './refusal.ts'
import { isSame } from './sessions.ts'

/** Attempts of one address, and of all together. */
const ATTEMPTS_A_MINUTE = 10
const TOTAL_ATTEMPTS_A_MINUTE = 60

const MAX_USER_CHARACTERS = 100
/** Pages that the sign-in returns to. */
const TARGET = /^[a-z]{1,20}$/

export async function addSignIn(
  app: App,
  {
    guard,
    config,
    onRefused,
  }: { guard: Guard; config: Config<'CONSOLE_PASSWORD'>; onRefused: (reason: Refusal) => void },
) {
  await app.register(rateLimit, { global: false })
  const limits = [
    app.createRateLimit({
      max: ATTEMPTS_A_MINUTE,
      timeWindow: 60_000,
      keyGenerator: ({ clientAddress }) => addressGroup(clientAddress),
    }),
    app.createRateLimit({ max: TOTAL_ATTEMPTS_A_MINUTE, timeWindow: 60_000, keyGenerator: () => 'total' }),
  ]

  app.get<{ Querystring: Record<string, unknown> }>(
    '/sign-in',
    { config: { isPublic: true } },
    (request, reply) => {
      request.outcome = 'answered'
      const { to } = request.query
      return sendPage(reply, signInPage(guard.userOf(request), typeof to === 'string' ? to : ''))
    },
  )

  app.post<{ Body: Record<string, unknown> }>(
    '/sign-in',
    { config: { isPublic: true, hasForm: true } },
    async (request, reply) => {
      const { password, user: typed, to } = request.body
      const proxyUser = guard.userOf(request)
      const user = proxyUser ?? (typeof typed === 'string' ? typed.trim().slice(0, MAX_USER_CHARACTERS) : '')
      const again = (status: number, reason: Refusal, problem: string) => {
        onRefused(reason)
        request.outcome = 'console_refused'
        request.logFields = { reason, client: request.clientAddress }
        return sendPage(reply.code(status), signInPage(proxyUser, typeof to === 'string' ? to : '', problem))
      }
      for (const limit of limits) {
        const result = await limit(request)
        if (!result.isAllowed && result.isExceeded) {
          reply.header('retry-after', result.ttlInSeconds)
          return again(429, 'guesses', 'There were too many attempts. Wait a minute, and try again.')
        }
      }
      if (typeof password !== 'string' || user === '' || !isSame(password, config.CONSOLE_PASSWORD))
        return again(403, 'password', 'The password is wrong.')
      guard.startSession(request, reply, user)
      request.outcome = 'answered'
      request.logFields = { event: 'signed_in', client: request.clientAddress }
      return reply.redirect(typeof to === 'string' && TARGET.test(to) ? to : './', 303)
    },
  )

  app.post('/sign-out', { config: { hasForm: true } }, (request, reply) => {
    guard.endSession(request, reply)
    request.outcome = 'answered'
    return reply.redirect('sign-in', 303)
  })
}

const signInPage = (proxyUser: string | undefined, to: string, problem?: string): Page => ({
  title: 'Sign in',
  body: html`!${problem ? message('bad', html`${problem}`) : ''}
      <form method="post" action="sign-in" class="sign-in">
      <input type="hidden" name="to" value="${to}">
      !${
        proxyUser
          ? html`<p>You are <strong>${proxyUser}</strong>.</p>`
          : html`<label>Your name <small>for the record of reads</small>
              <input name="user" autocomplete="username" maxlength="${MAX_USER_CHARACTERS}" required></label>`
      }
      <label>Password <small>CONSOLE_PASSWORD</small>
        <input name="password" type="password" autocomplete="current-password" required></label>
      <button>Sign in</button></form>`,
})
