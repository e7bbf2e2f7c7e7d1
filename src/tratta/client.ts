/**
 * The client for Tratta's API. docs/tratta.md lists what is unknown about the API, so responses are read
 * leniently, and unknown error bodies become part of the message.
 */
import { nextPage, totalOf } from './next-page.ts'
import { type Answer, type ClientOptions, type RequestOptions, requestSender } from './send-request.ts'

export interface TrattaClient {
  /** "Create a JIT endpoint": POST /just-in-time */
  createJitEndpoint(url: string, options?: RequestOptions): Promise<Answer>
  /** "Testing a JIT endpoint": POST /just-in-time/trigger. Not retried after a 503, which can be our own, relayed. */
  trigger(debtAccountExternalId: string, options?: RequestOptions): Promise<Answer>
  /** "Create Bulk Action": POST /bulk. @param rows a JSON array of at most 1,000 */
  bulk(rows: Buffer<ArrayBuffer>, options?: RequestOptions): Promise<Answer>
  /**
   * "Errors" of Bulk: GET /bulk/{id}/errors, one page.
   * @param page the `next` of the previous page
   * @throws {ForeignPageError}
   */
  bulkErrors(bulkId: string, options?: RequestOptions & { page?: string | undefined }): Promise<ErrorsPage>
}

interface ErrorsPage {
  status: number
  body: unknown
  /** Undefined for the last page. */
  next: string | undefined
  /** The number of rows on all pages, if Tratta returns it. */
  total: number | undefined
}

/** 1,000 customers with their payload, and each rejected account with its payload again. */
const MAX_ERRORS_BYTES = 64 * 1024 * 1024

export function createTrattaClient(options: ClientOptions): TrattaClient {
  const { apiUrl } = options
  const send = requestSender(options)
  return {
    createJitEndpoint: (url, options) =>
      send({
        method: 'POST',
        path: '/just-in-time',
        body: new URLSearchParams({ url }),
        retryableStatuses: [429, 503],
        canReportFailure: true,
        ...options,
      }),
    trigger: (debt_account_external_id, options) =>
      send({
        method: 'POST',
        path: '/just-in-time/trigger',
        body: new URLSearchParams({ debt_account_external_id }),
        retryableStatuses: [429],
        canReportFailure: true,
        // Tratta waits up to 10 seconds for our response and then processes it.
        timeoutMs: 30_000,
        ...options,
      }),
    bulk: (rows, options) =>
      send({
        method: 'POST',
        path: '/bulk',
        body: rows,
        retryableStatuses: [429, 503],
        timeoutMs: 60_000,
        ...options,
      }),
    async bulkErrors(bulkId, { page = '', ...options } = {}) {
      const path = `/bulk/${encodeURIComponent(bulkId)}/errors`
      const { status, body, linkHeader } = await send({
        method: 'GET',
        path: path + page,
        retryableStatuses: [429, 503],
        timeoutMs: 60_000,
        maxBytes: MAX_ERRORS_BYTES,
        ...options,
      })
      return { status, body, next: nextPage(body, linkHeader, { apiUrl, path, page }), total: totalOf(body) }
    },
  }
}
