/** Reads all pages of `GET /bulk/{id}/errors`. */
import { isObject } from '../json.ts'
import type { TrattaClient } from '../tratta/client.ts'
import { ForeignPageError } from '../tratta/next-page.ts'
import type { RequestOptions } from '../tratta/send-request.ts'
import { TrattaError } from '../tratta/tratta-error.ts'
import { UserFacingError } from '../user-facing-error.ts'
import { parseErrorRow, type RowErrors } from './parse-errors.ts'

export type ErrorsResult =
  | { kind: 'errors'; rows: RowErrors[] }
  /** `isNone`: the answer can also mean that there are no errors. */
  | { kind: 'not_ready'; message: string; isNone: boolean }

/** The errors of one request cannot be read. Other requests may be readable. */
class UnreadableErrorsError extends UserFacingError {
  constructor(bulkId: string, problem: string) {
    super(`GET /bulk/${bulkId}/errors: ${problem}`)
  }
}

/** Statuses that can mean that Tratta has not processed the request yet. */
const NOT_READY = [404, 409, 423, 425]
const MAX_EMPTY_PAGES = 3
/** One error row for each row of a request is the most that is expected; a page has at least one. */
const MAX_PAGES = 1000

/**
 * @throws {UnreadableErrorsError} for an answer that is not understood or not complete
 * @throws {TrattaError}
 */
export async function fetchErrors(
  client: TrattaClient,
  bulkId: string,
  options: RequestOptions = {},
): Promise<ErrorsResult> {
  const rows: RowErrors[] = []
  const visited = new Set<string>()
  let emptyPages = 0
  let total: number | undefined
  for (let page: string | undefined = ''; page !== undefined; ) {
    const answer: PageResult = await readPage(client, bulkId, page, options)
    if (answer.kind === 'not_ready') return answer
    for (const row of answer.rows) rows.push(parseErrorRow(row))
    total = answer.total ?? total
    emptyPages = answer.rows.length === 0 ? emptyPages + 1 : 0
    page = answer.next
    if (page !== undefined) requireNewPage(bulkId, page, visited, emptyPages)
  }
  if (total !== undefined && rows.length < total)
    throw new UnreadableErrorsError(bulkId, `it lists ${rows.length} of ${total} rows`)
  return { kind: 'errors', rows }
}

/** @throws {UnreadableErrorsError} when the pages do not end */
function requireNewPage(bulkId: string, page: string, visited: Set<string>, emptyPages: number) {
  if (visited.has(page) || page === '') throw new UnreadableErrorsError(bulkId, 'its pages form a circle')
  visited.add(page)
  if (emptyPages >= MAX_EMPTY_PAGES || visited.size >= MAX_PAGES)
    throw new UnreadableErrorsError(bulkId, `its pages do not end (${visited.size} pages read)`)
}

type PageResult =
  | { kind: 'page'; rows: unknown[]; next: string | undefined; total: number | undefined }
  | Extract<ErrorsResult, { kind: 'not_ready' }>

async function readPage(
  client: TrattaClient,
  bulkId: string,
  page: string,
  options: RequestOptions,
): Promise<PageResult> {
  try {
    const { status, body, next, total } = await client.bulkErrors(bulkId, { ...options, page })
    if (status === 202 || isPending(body))
      return {
        kind: 'not_ready',
        message: `GET /bulk/${bulkId}/errors: Tratta has not processed it yet`,
        isNone: false,
      }
    const rows = rowsIn(body)
    if (!rows) throw new UnreadableErrorsError(bulkId, 'its answer has no list `data`')
    return { kind: 'page', rows, next, total }
  } catch (error) {
    if (error instanceof ForeignPageError) throw new UnreadableErrorsError(bulkId, error.message)
    if (!(error instanceof TrattaError) || error.status === undefined || !NOT_READY.includes(error.status))
      throw error
    return { kind: 'not_ready', message: error.message, isNone: error.status === 404 }
  }
}

/** Whether the body reports that Tratta has not processed the request. */
export function isPending(body: unknown): boolean {
  if (!isObject(body)) return false
  const status = isObject(body.data) ? (body.data.status ?? body.status) : body.status
  return status === 'pending' || status === 'processing'
}

/** The list of an answer. 204, null and `{"data": null}` mean that it is empty. */
export function rowsIn(body: unknown): unknown[] | undefined {
  if (body === undefined || body === null) return []
  if (Array.isArray(body)) return body
  if (!isObject(body)) return undefined
  const { data, errors } = body
  if (data === null) return []
  for (const list of [
    data,
    errors,
    isObject(data) ? data.data : undefined,
    isObject(data) ? data.errors : undefined,
  ])
    if (Array.isArray(list)) return list
  return undefined
}

/** Whether the error concerns one request, not the connection to Tratta. */
export const concernsOneRequest = (error: unknown): error is Error =>
  error instanceof UnreadableErrorsError || (error instanceof TrattaError && error.status === 422)
