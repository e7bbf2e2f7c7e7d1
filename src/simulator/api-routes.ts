import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { sendFault, sendValidationFaults } from './faults.ts'
import { isBlank } from './field-rules.ts'
import { pageOf } from './page-of.ts'
import { readFields, readJson } from './read-fields.ts'
import type { State } from './state.ts'
import { trigger } from './trigger.ts'
import { addFault, type Faults, lines } from './wording.ts'

const MAX_ROWS = 1000

/** The four documented routes. */
export function addApiRoutes(api: FastifyInstance, state: () => State): void {
  api.post('/just-in-time', (request, reply) => {
    const { url } = readFields(request)
    if (isBlank(url)) return refuse(request, reply, 'url', lines.required)
    if (!isHttpUrl(url)) return refuse(request, reply, 'url', lines.url)
    state().jitUrls.push(url)
    return reply.code(201).send({ data: { url } })
  })

  api.post('/just-in-time/trigger', (request, reply) => {
    const field = 'debt_account_external_id'
    const asked = readFields(request)[field]
    if (isBlank(asked)) return refuse(request, reply, field, lines.required)
    if (typeof asked !== 'string') return refuse(request, reply, field, lines.string)
    return trigger(request, reply, asked, state())
  })

  api.post('/bulk', (request, reply) => {
    const rows = readJson(request)
    if (rows === undefined) return refuse(request, reply, 'data', lines.required)
    if (!Array.isArray(rows)) return refuse(request, reply, 'data', lines.array)
    if (rows.length === 0) return refuse(request, reply, 'data', lines.required)
    if (rows.length > MAX_ROWS) return refuse(request, reply, 'data', lines.max1000)
    const { bulk_id, count, status } = state().bulkActions.create(rows)
    return reply.send({ data: { bulk_id, count, status } })
  })

  api.get<{ Params: { id: string }; Querystring: { page?: string; limit?: string } }>(
    '/bulk/:id/errors',
    (request, reply) => {
      const { bulkActions, settings } = state()
      const { id } = request.params
      const action = bulkActions.find(id)
      if (!action) return sendFault(request, reply, 404, `No query results for model [Bulk] ${id}`)
      const page = pageOf(request, action.rows_with_errors, settings.errorsPerPage)
      const rows = bulkActions.errors(id, page.from, page.to).join(',')
      return reply.type('application/json').send(`{"data":[${rows}]${page.links}}`)
    },
  )
}

function isHttpUrl(value: unknown): value is string {
  return typeof value === 'string' && /^https?:\/\//i.test(value) && URL.canParse(value)
}

function refuse(request: FastifyRequest, reply: FastifyReply, field: string, line: string): FastifyReply {
  const faults: Faults = new Map()
  addFault(faults, field, line)
  return sendValidationFaults(request, reply, faults)
}
