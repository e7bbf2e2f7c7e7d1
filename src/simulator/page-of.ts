import type { FastifyRequest } from 'fastify'

/** Which rows a page of a list shows, and what its answer holds beside them, as JSON. */
export interface Page {
  from?: number
  to?: number
  links: string
}

/**
 * Whether bulk errors come in pages is unseen; Tratta's other lists do: `limit` 1 to 500, `links.next`
 * (README.md, Bulk).
 * @param perPage 0 for everything on one page, without links
 */
export function pageOf(
  request: FastifyRequest<{ Querystring: { page?: string; limit?: string } }>,
  total: number,
  perPage: number,
): Page {
  if (perPage === 0) return { links: '' }
  const { page, limit } = request.query
  const size = Math.min(positive(limit) ?? perPage, 500)
  const current = positive(page) ?? 1
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

function positive(text: string | undefined): number | undefined {
  const number = Number(text)
  return Number.isInteger(number) && number > 0 ? number : undefined
}
