/** `GET /jit/{secret}?debt_account_external_id=ID`, Tratta's question ("Receive a JIT request"). */
import rateLimit from '@fastify/rate-limit'
import { Type } from '@sinclair/typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../config.ts'
import {
  AccountTooLargeError,
  AmbiguousAccountError,
  DatabaseUnavailableError,
  UnreadableAccountError,
} from '../database/database-errors.ts'
import { findAccountOrReplica, type Sources } from '../database/find-on-replica.ts'
import { limitsWithin } from '../database/pool.ts'
import { describeError, pseudonymizer } from '../log.ts'
import { buildPayloadSteps } from '../payload/build-payload.ts'
import type { SsnLast4Format } from '../payload/column-values.ts'
import { UnsendableAccountError } from '../payload/omit-invalid-fields.ts'
import type { App } from './app.ts'
import { createCallRecord, recordError, recordSent } from './call-record.ts'
import type { Canary } from './canary.ts'
import { addressGroup, addressMatcher } from './client-address.ts'
import { inSlices } from './in-slices.ts'
import { createLargeAnswers } from './large-answers.ts'
import type { Connections } from './limit-connections.ts'
import type { Metrics } from './metrics.ts'
import { type ProblemCode, type ProblemDetails, sendProblem } from './problem.ts'
import { problemOfError } from './problem-of-error.ts'
import type { Readiness } from './readiness.ts'
import { secretCheck } from './secret-check.ts'

interface JitRouteOptions {
  config: Config<'JIT_SECRET'>
  sources: Sources
  readiness: Readiness
  metrics: Metrics
  connections: Connections
  canary: Canary | undefined
  ssnLast4: SsnLast4Format
}

/** The log uses this pattern as the route. */
export const JIT_ROUTE = '/jit/:secret'

export const JitParameters = Type.Object({
  debt_account_external_id: Type.String({
    minLength: 1,
    maxLength: 255,
    pattern: '^\\P{Cc}*$',
    description: 'given once, with 1 to 255 characters and no control characters',
  }),
})

const GUESSES_A_MINUTE = 10
const MAX_LOGGED_NAMES = 20
/** The maximum size in UTF-8 of a UTF-16 code unit, which `length` counts. */
const MAX_UTF8_BYTES = 3

interface JitRoute {
  /** Replaces the secrets for all later calls. */
  useSecrets(config: Config<'JIT_SECRET'>): void
}

export async function addJitRoute(
  app: App,
  { config, sources, readiness, metrics, connections, canary, ssnLast4 }: JitRouteOptions,
): Promise<JitRoute> {
  const limits = limitsWithin(config.JIT_DEADLINE_MS)
  const largeAnswers = createLargeAnswers(config.JIT_DEADLINE_MS)
  const reserveMs = limits.queryMs - limits.connectionMs
  let accountName = pseudonymizer(config.JIT_SECRET)
  let isSecret = secretCheck(config)
  const allowed = config.ALLOWED_CLIENTS
  const isAllowed = allowed.length > 0 ? addressMatcher(allowed) : undefined
  await app.register(rateLimit, { global: false })
  const guess = app.createRateLimit({
    max: GUESSES_A_MINUTE,
    timeWindow: 60_000,
    keyGenerator: ({ clientAddress }) => addressGroup(clientAddress),
  })

  const reject = (
    request: FastifyRequest,
    reply: FastifyReply,
    code: ProblemCode,
    details?: ProblemDetails & { retryAfterSeconds?: number },
  ) => {
    request.outcome = code
    return sendProblem(reply, code, details)
  }

  app.get(
    JIT_ROUTE,
    {
      schema: { params: Type.Object({ secret: Type.String() }), querystring: JitParameters },
      attachValidation: true,
      onRequest(request, reply, done) {
        if (isAllowed && !isAllowed(request.clientAddress) && !canary?.isSender(request.raw)) {
          request.logFields = { client: request.clientAddress }
          reject(request, reply, 'client_not_allowed')
        } else if (isSecret(request.params.secret)) {
          connections.authenticate(request.socket, reply)
          done()
        } else
          guess(request).then((limit) => {
            request.logFields = { client: request.clientAddress }
            if (!limit.isAllowed && limit.isExceeded)
              return reject(request, reply, 'too_many_guesses', { retryAfterSeconds: limit.ttlInSeconds })
            request.outcome = 'wrong_secret'
            return sendProblem(reply, 'not_found')
          }, done)
      },
    },
    async (request, reply) => {
      const call = createCallRecord()
      request.call = call
      if (request.validationError) return reject(request, reply, 'invalid_parameter')
      const externalId = request.query.debt_account_external_id
      call.externalId = externalId
      const logged: Record<string, unknown> = { account: accountName(externalId) }
      request.logFields = logged
      if (canary?.isSender(request.raw)) logged.canary = true
      try {
        call.lookupStart = performance.now()
        const until = call.lookupStart + limits.queryMs
        let onBodyBuilt = () => {}
        const row = await findAccountOrReplica(sources, externalId, {
          ...limits,
          onReplica(use) {
            logged.replica = use
            metrics.replicaUsed(use)
          },
          async beforeLargeAnswer(bytes) {
            onBodyBuilt = await largeAnswers.reserve(reply.raw, bytes, until - reserveMs)
          },
          onConnection() {
            call.connectedAt ??= performance.now()
          },
        })
        call.lookupEnd = performance.now()
        readiness.sawAnswer()
        if (!row) return reject(request, reply, 'account_not_found')
        const { payload, omitted } = await inSlices(buildPayloadSteps(row, ssnLast4), until)
        if (omitted.length > 0) {
          const counts = Map.groupBy(omitted, ({ kind }) => kind)
          call.omitted = [...counts.keys()].slice(0, MAX_LOGGED_NAMES)
          logged.omitted = call.omitted
          logged.omitted_count = omitted.length
          for (const [kind, { length }] of counts) metrics.omitted(kind, length)
        }
        const body = JSON.stringify(payload)
        onBodyBuilt()
        const bytes = body.length * MAX_UTF8_BYTES > config.JIT_MAX_ANSWER_BYTES ? Buffer.byteLength(body) : 0
        if (bytes > config.JIT_MAX_ANSWER_BYTES)
          throw new AccountTooLargeError(bytes, config.JIT_MAX_ANSWER_BYTES)
        request.outcome = 'answered'
        reply.header('content-type', 'application/json').send(body)
        // After the response was handed to the socket.
        if (config.CALL_LOG_DAYS > 0) recordSent(call, payload, body)
        return reply
      } catch (error) {
        call.lookupEnd ||= performance.now()
        const [code, details] = problemOfError(error)
        Object.assign(logged, errorFields(error, code))
        recordError(call, logged)
        return reject(request, reply, code, details)
      } finally {
        // A pipelined request does not get its own 'close' event.
        if (request.socket.destroyed) app.finish(request, reply, 'client_disconnected')
      }
    },
  )
  return {
    useSecrets(config) {
      accountName = pseudonymizer(config.JIT_SECRET)
      isSecret = secretCheck(config)
    },
  }
}

/** The fields of the log line, without values of the account. */
function errorFields(error: unknown, code: ProblemCode) {
  if (error instanceof UnsendableAccountError) return { field: error.kind }
  if (error instanceof AmbiguousAccountError) return { field: error.relation }
  if (error instanceof DatabaseUnavailableError || error instanceof UnreadableAccountError)
    return { error: describeError(error.cause) }
  return code === 'internal_error' ? { error: describeError(error) } : {}
}
