import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { requestErrors } from './bulk-variations.ts'
import { checkJitUrl } from './call-jit-url.ts'
import { sendError, sendValidationErrors } from './error-response.ts'
import { isObject, type JsonObject, readJson } from './json.ts'
import { type PageQuery, paginate } from './paginate.ts'
import { isBlank } from './resource-rules.ts'
import type { State } from './state.ts'
import { trigger } from './trigger.ts'
import { messages, singleError } from './validation-messages.ts'

const MAX_ROWS = 1000

/** Adds the four documented routes. */
export function addApiRoutes(api: FastifyInstance, state: () => State): void {
  api.post('/just-in-time', async (request, reply) => {
    const { url } = readFields(request)
    if (isBlank(url)) return reject(request, reply, 'url', messages.required)
    if (!isHttpUrl(url)) return reject(request, reply, 'url', messages.url)
    const { settings, jitUrls } = state()
    const registered = settings.urlSlash === 'keep' ? url : url.replace(/\/+$/, '')
    if (settings.urlQuery === 'reject' && url.includes('?'))
      return reject(request, reply, 'url', messages.format)
    if (settings.registeredTwice === 'reject' && jitUrls.includes(registered))
      return reject(request, reply, 'url', messages.taken)
    await checkJitUrl(registered, settings)
    jitUrls.push(registered)
    return reply.code(201).send({ data: { url } })
  })

  api.post('/just-in-time/trigger', (request, reply) => {
    const field = 'debt_account_external_id'
    const id = readFields(request)[field]
    if (isBlank(id)) return reject(request, reply, field, messages.required)
    if (typeof id !== 'string') return reject(request, reply, field, messages.string)
    return trigger(request, reply, id, state())
  })

  api.post('/bulk', async (request, reply) => {
    const rows = readJson(request)
    if (rows === undefined) return reject(request, reply, 'data', messages.required)
    if (!Array.isArray(rows)) return reject(request, reply, 'data', messages.array)
    if (rows.length === 0) return reject(request, reply, 'data', messages.required)
    if (rows.length > MAX_ROWS) return reject(request, reply, 'data', messages.max1000)
    const { settings, bulkActions } = state()
    if (String(request.body).length > settings.maxBulkBytes) return sendError(request, reply, 413)
    if (settings.parallelBulk === 'reject' && bulkActions.isPending())
      return sendError(request, reply, 409, 'Another import is running.')
    const errors = requestErrors(rows, settings)
    if (errors.size > 0) return sendValidationErrors(request, reply, errors)
    if (settings.abortedRequests === 'drop' && (await isAborted(request))) return reply.hijack()
    const { bulk_id, count, status } = bulkActions.create(rows)
    if (settings.bulkAnswer === 'top_level') return reply.send({ id: bulk_id, count, status })
    if (settings.bulkAnswer === 'no_bulk_id') return reply.send({ data: { count, status } })
    const reported = settings.bulkAnswer === 'low_count' ? count - 1 : count
    return reply.send({ data: { bulk_id, count: reported, status } })
  })

  const errorsPath = '/bulk/:id/errors'
  for (const path of [errorsPath, `${errorsPath}/page/:page`])
    api.get<{ Params: { id: string; page?: string }; Querystring: PageQuery }>(path, (request, reply) => {
      const { bulkActions, settings } = state()
      const { id } = request.params
      const action = bulkActions.find(id)
      if (!action && settings.unknownBulkStatus < 300)
        return reply.code(settings.unknownBulkStatus).send({ data: [] })
      if (!action)
        return sendError(
          request,
          reply,
          settings.unknownBulkStatus,
          `No query results for model [Bulk] ${id}`,
        )
      const pending = action.status === 'pending' ? settings.errorsPendingStatus : 0
      if (pending >= 300) return sendError(request, reply, pending)
      if (pending >= 200) return reply.code(pending).send({ data: [], status: 'pending' })
      const page = paginate(request, action.rows_with_errors, settings)
      const rows = bulkActions.errors(id, page.from, page.to).join(',')
      if (page.linkHeader) reply.header('link', page.linkHeader)
      return reply.type('application/json').send(`{"data":[${rows}]${page.fields}}`)
    })
}

/** The fields of a form or a JSON object: the JIT pages send forms (README.md, request bodies). */
function readFields(request: FastifyRequest): JsonObject {
  if (request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) {
    return Object.fromEntries(new URLSearchParams(String(request.body)))
  }
  const json = readJson(request)
  return isObject(json) ? json : {}
}

const abortMs = 100

/** Whether the client closes the connection instead of waiting for the response. */
async function isAborted({ raw }: FastifyRequest): Promise<boolean> {
  await sleep(abortMs)
  return raw.socket.destroyed || raw.socket.readableEnded
}

function isHttpUrl(value: unknown): value is string {
  return typeof value === 'string' && /^https?:\/\//i.test(value) && URL.canParse(value)
}

function reject(request: FastifyRequest, reply: FastifyReply, field: string, message: string): FastifyReply {
  return sendValidationErrors(request, reply, singleError(field, message))
}
