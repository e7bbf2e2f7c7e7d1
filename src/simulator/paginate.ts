import type { FastifyRequest } from 'fastify'

/** The slice of rows on a page, and the JSON that follows `data` in the response body. */
export interface Page {
  from?: number
  to?: number
  links: string
}

/**
 * Paginates as Tratta's other lists do: `limit` 1 to 500 and `links.next`. Whether bulk errors are paginated is
 * unknown (README.md, Bulk).
 * @param perPage 0 for all rows on one page, without links
 */
export function paginate(
  request: FastifyRequest<{ Querystring: { page?: string; limit?: string } }>,
  total: number,
  perPage: number,
): Page {
  if (perPage === 0) return { links: '' }
  const { page, limit } = request.query
  const size = Math.min(parsePositive(limit) ?? perPage, 500)
  const current = parsePositive(page) ?? 1
  const last = Math.max(1, Math.ceil(total / size))
  const path = request.url.split('?', 1)[0]!
  const address = (number: number) =>
    `http://${request.host}${path}?page=${number}${limit === undefined ? '' : `&limit=${size}`}`
  const links = {
    first: address(1),
    last: address(last),
    prev: current > 1 ? address(current - 1) : null,
    next: current < last ? address(current + 1) : null,
  }
  const meta = { current_page: current, last_page: last, per_page: size, total }
  return {
    from: (current - 1) * size,
    to: current * size,
    links: `,"links":${JSON.stringify(links)},"meta":${JSON.stringify(meta)}`,
  }
}

function parsePositive(text: string | undefined): number | undefined {
  const number = Number(text)
  return Number.isInteger(number) && number > 0 ? number : undefined
}
