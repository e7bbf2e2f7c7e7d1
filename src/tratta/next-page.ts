/** Finds the next page of a list, in every form that Laravel documents. */
import { isObject, type Json } from '../json.ts'

/** The URL of the next page is not below the URL of the list. */
export class ForeignPageError extends Error {
  constructor() {
    super('its next page is at another address')
  }
}

const objectIn = (value: unknown): Json => (isObject(value) ? value : {})

/** The objects that can have pagination fields: the body, `meta`, `meta.pagination`, `pagination`, and `data`. */
function paginatorsOf(body: Json): Json[] {
  const meta = objectIn(body.meta)
  return [body, meta, objectIn(meta.pagination), objectIn(body.pagination), objectIn(body.data)]
}

const numberIn = (objects: Json[], ...names: string[]) =>
  objects.flatMap((object) => names.map((name) => object[name])).find(Number.isSafeInteger) as
    | number
    | undefined

/** The number of elements on all pages, if the response has it. */
export const totalOf = (body: unknown): number | undefined =>
  isObject(body) ? numberIn(paginatorsOf(body), 'total', 'total_count') : undefined

/**
 * @param path of the list, below the URL of the API
 * @param page the suffix of the path in this request: `''`, `?page=2`, `/page/2`
 * @returns the suffix of the path in the next request; undefined for the last page
 * @throws {ForeignPageError} because the token is only sent to TRATTA_API_URL
 */
export function nextPage(
  body: unknown,
  linkHeader: string | null,
  { apiUrl, path, page }: { apiUrl: string; path: string; page: string },
): string | undefined {
  const paginators = isObject(body) ? paginatorsOf(body) : []
  const link = [
    ...paginators.flatMap((object) => [objectIn(object.links).next, object.next_page_url, object.next]),
    /<([^>]*)>\s*;[^,]*\brel="?next\b/i.exec(linkHeader ?? '')?.[1],
  ].find((value) => typeof value === 'string' && value !== '') as string | undefined
  if (link !== undefined) return suffixOf(link, apiUrl, path)

  const query = new URLSearchParams(page.split('?')[1] ?? '')
  const withQuery = (name: string, value: string | number) => {
    query.set(name, String(value))
    return `?${query}`
  }
  const cursor = paginators
    .map(({ next_cursor, cursor }) => next_cursor ?? objectIn(cursor).next)
    .find((value) => typeof value === 'string' && value !== '')
  if (cursor !== undefined) return withQuery('cursor', cursor as string)

  const current = numberIn(paginators, 'current_page', 'page')
  const last = numberIn(paginators, 'last_page', 'total_pages')
  if (current !== undefined && last !== undefined && current < last) return withQuery('page', current + 1)
  if (
    current !== undefined &&
    last === undefined &&
    paginators.some((object) => object.has_more === true || object.has_more_pages === true)
  )
    return withQuery('page', current + 1)
  return undefined
}

function suffixOf(link: string, apiUrl: string, path: string): string {
  const url = URL.parse(link, `${apiUrl}${path}`)
  if (!url) throw new ForeignPageError()
  const at = url.pathname.indexOf(path)
  if (at >= 0) return url.pathname.slice(at + path.length) + url.search
  if (url.search !== '') return url.search
  throw new ForeignPageError()
}
