/** All pages of GET /bulk/{id}/errors are read, or the errors are unreadable. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { fetchErrors } from '../../src/bulk/fetch-errors.ts'
import { createTrattaClient } from '../../src/tratta/client.ts'

const row = (id: string) => ({
  payload: { customer: { external_id: id } },
  errors: { customer: ['is wrong'] },
})
const nextPage = (page: number) => ({ links: { next: `/api/v1/bulk/b/errors?page=${page}` } })

/** Responds to page N with the N-th body, and to all later pages with the last one. */
async function fetchFrom(bodies: ((page: number) => unknown)[]) {
  const urls: string[] = []
  const server = createServer((request, response) => {
    urls.push(request.url!)
    const page = Number(URL.parse(request.url!, 'http://x')!.searchParams.get('page') ?? 1)
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(bodies[Math.min(page, bodies.length) - 1]!(page)))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1`
  const client = createTrattaClient({ apiUrl, token: 'token', requestsPerMinute: 1_000_000 })
  try {
    const result = await fetchErrors(client, 'b')
    return {
      urls,
      customers: result.kind === 'errors' ? result.rows.map(({ customer }) => customer) : result,
    }
  } catch (error) {
    return { urls, error: (error as Error).message }
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

const url = (...pages: number[]) => [
  '/api/v1/bulk/b/errors',
  ...pages.map((page) => `/api/v1/bulk/b/errors?page=${page}`),
]
const unreadable = (problem: string) => `GET /bulk/b/errors: ${problem}`

t.test('pages are read to the last one, with empty pages between them', async (t) => {
  t.same(
    await fetchFrom([
      () => ({ data: [row('a')], ...nextPage(2) }),
      () => ({ data: [], ...nextPage(3) }),
      () => ({ data: [], ...nextPage(4) }),
      () => ({ data: [row('b')], links: { next: null } }),
    ]),
    { urls: url(2, 3, 4), customers: ['a', 'b'] },
  )
})

t.test('a page whose next page is itself is a circle', async (t) => {
  t.same(await fetchFrom([() => ({ data: [row('a')], ...nextPage(1) })]), {
    urls: url(1),
    error: unreadable('its pages form a circle'),
  })
})

t.test('a page whose next page is an earlier one is a circle', async (t) => {
  t.same(
    await fetchFrom([
      () => ({ data: [row('a')], ...nextPage(2) }),
      () => ({ data: [row('b')], ...nextPage(3) }),
      () => ({ data: [row('c')], ...nextPage(2) }),
    ]),
    { urls: url(2, 3), error: unreadable('its pages form a circle') },
  )
})

t.test('three empty pages in a row do not end', async (t) => {
  t.same(await fetchFrom([(page) => ({ data: [], ...nextPage(page + 1) })]), {
    urls: url(2, 3),
    error: unreadable('its pages do not end (3 pages read)'),
  })
})

t.test('fewer rows than the total are not complete', async (t) => {
  t.same(await fetchFrom([() => ({ data: [row('a')], meta: { total: 2 } })]), {
    urls: url(),
    error: unreadable('it lists 1 of 2 rows'),
  })
  t.same(await fetchFrom([() => ({ data: [row('a'), row('b')], meta: { total: 2 } })]), {
    urls: url(),
    customers: ['a', 'b'],
  })
})

t.test('a next page at another address is not requested', async (t) => {
  t.same(
    await fetchFrom([() => ({ data: [row('a')], links: { next: 'https://elsewhere.example/errors' } })]),
    {
      urls: url(),
      error: unreadable('its next page is at another address'),
    },
  )
})
