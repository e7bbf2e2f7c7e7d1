import t from 'tap'
import { ForeignPageError, nextPage, totalOf } from '../../src/tratta/next-page.ts'

const API = 'https://api.example/api/v1'
const PATH = '/bulk/7/errors'
const next = (body: unknown, { page = '', link = null as string | null } = {}) =>
  nextPage(body, link, { apiUrl: API, path: PATH, page })

t.test('nextPage in each form of pagination', async (t) => {
  for (const [body, expected] of [
    [{ links: { next: `${API}${PATH}?page=2` } }, '?page=2'],
    [{ links: { next: `${API}${PATH}/page/2` } }, '/page/2'],
    [{ links: { next: `http://internal/other${PATH}?page=2` } }, '?page=2'],
    [{ links: { next: '?page=2' } }, '?page=2'],
    [{ links: { next: 'https://api.example/elsewhere?page=2' } }, '?page=2'],
    [{ links: { next: null } }, undefined],
    [{ links: { next: '' } }, undefined],
    [{ links: [] }, undefined],
    [{ next_page_url: `${API}${PATH}?page=3` }, '?page=3'],
    [{ next: `${API}${PATH}?page=4` }, '?page=4'],
    [{ meta: { next_page_url: `${API}${PATH}?page=5` } }, '?page=5'],
    [{ meta: { pagination: { links: { next: `${API}${PATH}?page=6` } } } }, '?page=6'],
    [{ pagination: { next: `${API}${PATH}?page=7` } }, '?page=7'],
    [{ data: { next_page_url: `${API}${PATH}?page=8` } }, '?page=8'],
    [{ next_cursor: 'a b' }, '?cursor=a+b'],
    [{ meta: { next_cursor: 'c' } }, '?cursor=c'],
    [{ meta: { cursor: { next: 'd' } } }, '?cursor=d'],
    [{ next_cursor: '' }, undefined],
    [{ next_cursor: null }, undefined],
    [{ meta: { current_page: 1, last_page: 2 } }, '?page=2'],
    [{ current_page: 1, last_page: 1 }, undefined],
    [{ current_page: 2, last_page: 1 }, undefined],
    [{ pagination: { page: 2, total_pages: 3 } }, '?page=3'],
    [{ meta: { pagination: { current_page: 3, total_pages: 4 } } }, '?page=4'],
    [{ current_page: 1, has_more: true }, '?page=2'],
    [{ meta: { page: 1, has_more_pages: true } }, '?page=2'],
    [{ current_page: 1, has_more: false }, undefined],
    [{ current_page: 1, last_page: 1, has_more: true }, undefined],
    [{ has_more: true }, undefined],
    [{ last_page: 2 }, undefined],
    [{ current_page: '1', last_page: 2 }, undefined],
    [[], undefined],
    [undefined, undefined],
  ] as const)
    t.equal(next(body), expected, JSON.stringify(body))
})

t.test('nextPage keeps the other parameters of the query', async (t) => {
  t.equal(next({ current_page: 2, last_page: 3 }, { page: '?page=2&limit=5' }), '?page=3&limit=5')
  t.equal(next({ next_cursor: 'x' }, { page: '?cursor=w&limit=5' }), '?cursor=x&limit=5')
})

t.test('nextPage reads the Link header', async (t) => {
  for (const [link, expected] of [
    [`<${API}${PATH}?page=1>; rel="prev", <${API}${PATH}?page=3>; rel="next"`, '?page=3'],
    [`<${API}${PATH}?page=3>; title=x; rel=next`, '?page=3'],
    [`<${API}${PATH}?page=3>;rel="NEXT"`, '?page=3'],
    [`<${API}${PATH}?page=1>; rel="prev"`, undefined],
    [`<${API}${PATH}?page=1>; rel="nextish"`, undefined],
    ['', undefined],
  ] as const)
    t.equal(next([], { link }), expected, link)
  t.equal(next({ next: '?page=9' }, { link: `<${API}${PATH}?page=3>; rel="next"` }), '?page=9')
})

t.test('nextPage throws for a page at another address', async (t) => {
  for (const link of ['http://evil.example/x', 'http://[', `${API}/bulk/8/errors`])
    t.throws(() => next({ next: link }), new ForeignPageError(), link)
  t.equal(new ForeignPageError().message, 'its next page is at another address')
})

t.test('totalOf', async (t) => {
  for (const [body, total] of [
    [{ total: 3 }, 3],
    [{ meta: { total: 0 } }, 0],
    [{ meta: { pagination: { total: 4 } } }, 4],
    [{ pagination: { total_count: 5 } }, 5],
    [{ data: { total: 6 } }, 6],
    [{ total: '7' }, undefined],
    [{ total: 1.5 }, undefined],
    [{}, undefined],
    [[], undefined],
    [null, undefined],
  ] as const)
    t.equal(totalOf(body), total, JSON.stringify(body))
})
