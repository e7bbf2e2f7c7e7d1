import type { FastifyRequest } from 'fastify'
import type { SimulatorSettings } from './settings.ts'

/** The slice of rows on a page, and the JSON that follows `data` in the response body. */
interface Page {
  from?: number
  to?: number
  fields: string
  linkHeader?: string | undefined
}

export interface PageQuery {
  page?: string
  limit?: string
  cursor?: string
}

/**
 * Paginates as Tratta's other lists do: `limit` 1 to 500 and `links.next`. Whether bulk errors are paginated is
 * unknown (README.md, Bulk), so `errorsPaging` chooses between the forms of Laravel.
 */
export function paginate(
  request: FastifyRequest<{ Params: { page?: string }; Querystring: PageQuery }>,
  total: number,
  { errorsPerPage, errorsPaging }: SimulatorSettings,
): Page {
  if (errorsPerPage === 0) return { fields: '' }
  const { page, limit, cursor } = request.query
  const size = Math.min(parsePositive(limit) ?? errorsPerPage, 500)
  const current = parsePositive(request.params.page ?? cursor ?? page) ?? 1
  const last = Math.max(1, Math.ceil(total / size))
  const path = request.url.split('?', 1)[0]!
  const address = (number: number) =>
    `http://${request.host}${path}?page=${number}${limit === undefined ? '' : `&limit=${size}`}`
  const next = current < last ? address(current + 1) : null
  const slice = { from: (current - 1) * size, to: current * size }
  const withFields = (fields: object, linkHeader?: string): Page => ({
    ...slice,
    fields: `,${JSON.stringify(fields).slice(1, -1)}`,
    linkHeader,
  })
  const position = { current_page: current, last_page: last, per_page: size, total }
  switch (errorsPaging) {
    case 'links': {
      const prev = current > 1 ? address(current - 1) : null
      return withFields({ links: { first: address(1), last: address(last), prev, next }, meta: position })
    }
    case 'next_page_url':
      return withFields({ current_page: current, next_page_url: next, per_page: size })
    case 'last_page':
      return withFields({ meta: position })
    case 'cursor':
      return withFields({ meta: { per_page: size, next_cursor: next && String(current + 1) } })
    case 'link_header':
      return withFields(
        { per_page: size },
        next ? `<${address(1)}>; rel="first", <${next}>; rel="next"` : undefined,
      )
    case 'path': {
      const base = path.replace(/\/page\/\d+$/, '')
      return withFields({ links: { next: next && `http://${request.host}${base}/page/${current + 1}` } })
    }
    case 'circle':
      return withFields({ links: { next: address(current) } })
    case 'endless':
      return { ...withFields({ links: { next: address(current + 1) } }), from: 0, to: size }
  }
}

function parsePositive(text: string | undefined): number | undefined {
  const number = Number(text)
  return Number.isInteger(number) && number > 0 ? number : undefined
}
