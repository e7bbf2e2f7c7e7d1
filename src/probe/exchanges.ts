/** Requests of the probe, by the client that the program uses. A response with an error is a result, not an exception. */
import { setTimeout as pause } from 'node:timers/promises'
import { createTrattaClient, type TrattaClient } from '../tratta/client.ts'
import { ForeignPageError } from '../tratta/next-page.ts'
import { TrattaError } from '../tratta/tratta-error.ts'
import type { MadeUpRow } from './made-up-data.ts'

export interface Exchange {
  /** Undefined without a complete response. */
  status: number | undefined
  body: unknown
  /** Present unless the status is 2xx. */
  error: TrattaError | undefined
  /** Whether the response names a next page. */
  hasNext: boolean
  ms: number
}

interface Request {
  method: 'GET' | 'POST'
  path: string
  body?: unknown
}

/** Called after each exchange, also without a response. */
export type RecordExchange = (request: Request, exchange: Exchange, headers: string[]) => void

export interface Exchanges {
  /** The number of requests until now. */
  readonly count: number
  bulk(rows: MadeUpRow[], options?: { busyMs?: number }): Promise<Exchange>
  errors(bulkId: string): Promise<Exchange>
  register(url: string): Promise<Exchange>
  trigger(externalId: string): Promise<Exchange>
  client: TrattaClient
}

interface ExchangesOptions {
  apiUrl: string
  token: string
  requestsPerMinute: number
  secrets: string[]
  proxy: string | undefined
  record: RecordExchange
  signal: AbortSignal
}

/** Another upload is processed. */
const CONFLICT = [409, 423, 425]
/** After any of these, an upload is sent again. */
const BUSY = [...CONFLICT, 429, 503]
const BUSY_MS = 60_000
const BUSY_WAIT_MS = 500

export const isAccepted = ({ status }: Exchange) => status !== undefined && status >= 200 && status < 300
export const isConflict = ({ status }: Exchange) => status !== undefined && CONFLICT.includes(status)
const isBusy = ({ status }: Exchange) => status !== undefined && BUSY.includes(status)

export function createExchanges({ record, signal, ...options }: ExchangesOptions): Exchanges {
  let headers: string[] = []
  let count = 0
  const client = createTrattaClient({
    ...options,
    onResponse(response) {
      headers = [...response.headers.keys()]
    },
  })

  async function exchange(
    request: Request,
    send: () => Promise<{ status: number; body: unknown; next?: string | undefined }>,
  ): Promise<Exchange> {
    const start = performance.now()
    headers = []
    count += 1
    const result = await send().then(
      ({ status, body, next }) => ({ status, body, error: undefined, hasNext: next !== undefined }),
      (error: unknown) => {
        if (error instanceof ForeignPageError)
          return { status: 200, body: undefined, error: undefined, hasNext: true }
        if (!(error instanceof TrattaError)) throw error
        return { status: error.status, body: error.body, error, hasNext: false }
      },
    )
    const ended = { ...result, ms: Math.round(performance.now() - start) }
    record(request, ended, headers)
    return ended
  }

  async function untilNotBusy(send: () => Promise<Exchange>, busyMs: number): Promise<Exchange> {
    const until = performance.now() + busyMs
    for (;;) {
      const result = await send()
      const waitMs = Math.max(BUSY_WAIT_MS, result.error?.retryAfterMs ?? 0)
      if (!isBusy(result) || performance.now() + waitMs > until) return result
      await pause(waitMs, undefined, { signal })
    }
  }

  return {
    get count() {
      return count
    },
    client,
    bulk(rows, { busyMs = BUSY_MS } = {}) {
      const body = Buffer.from(JSON.stringify(rows))
      return untilNotBusy(
        () =>
          exchange({ method: 'POST', path: '/bulk', body: rows }, () =>
            client.bulk(body, { attempts: 1, signal }),
          ),
        busyMs,
      )
    },
    errors: (bulkId) =>
      exchange({ method: 'GET', path: '/bulk/…/errors' }, () => client.bulkErrors(bulkId, { signal })),
    register: (url) =>
      exchange({ method: 'POST', path: '/just-in-time', body: { url: '…' } }, () =>
        client.createJitEndpoint(url, { signal }),
      ),
    trigger: (externalId) =>
      exchange(
        {
          method: 'POST',
          path: '/just-in-time/trigger',
          body: { debt_account_external_id: externalId },
        },
        () => client.trigger(externalId, { signal }),
      ),
  }
}

/** "422: The name field is required.", for `found`. The message of Tratta is about made-up data. */
export const answerText = ({ status, error }: Exchange): string =>
  status === undefined ? (error?.problem ?? 'no response') : error ? error.problem : String(status)
