/** The limits of an upload: bytes, rows, and how many at the same time; and what a cut connection does. */
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { setTimeout as pause } from 'node:timers/promises'
import { readError } from '../bulk/read-answer.ts'
import { proxyFor } from '../tratta/proxy.ts'
import { ASSUMED } from '../tratta/readings.ts'
import { answerText, type Exchange, isAccepted, isConflict } from './exchanges.ts'
import { asAssumed, differs, type Experiment, type ProbeContext } from './experiment.ts'
import type { MadeUpRow } from './made-up-data.ts'
import { UndecidedError } from './undecided-error.ts'
import { invalidUpload, readErrors, rowWithError, upload } from './uploads.ts'

const MEGABYTES = [1, 2, 4, 8]
const ROWS_OF_A_LARGE_UPLOAD = 100
const TOO_LARGE = 413

/** Rows without a name: Tratta creates nothing of them. */
function invalidRows({ data }: ProbeContext, count: number, bytes = 0): MadeUpRow[] {
  const rows = Array.from({ length: count }, () => {
    const row = data.row()
    delete row.customer.name
    if (bytes > 0) row.customer.metadata = {}
    return row
  })
  const missing = bytes - Buffer.byteLength(JSON.stringify(rows))
  for (let left = missing, index = 0; left > 0; index++) {
    const { metadata = {} } = rows[index % count]!.customer
    // `"k1234":"",` around a value of at most 255 characters.
    const key = `k${1000 + Math.floor(index / count)}`
    const length = Math.min(255, Math.max(1, left - key.length - 6))
    metadata[key] = 'x'.repeat(length)
    left -= length + key.length + 6
  }
  return rows
}

/** Whether Tratta took the size of the upload: it accepted it, or rejected it because of its invalid rows. */
async function isSizeAccepted(context: ProbeContext, exchange: Exchange, rows: number): Promise<boolean> {
  if (isAccepted(exchange)) return true
  if (exchange.status !== 422 || !exchange.error) return false
  const result = readError(exchange.error, rows)
  if (result.kind === 'rejected' && result.rows.size > 0) return true
  const ofInvalidRows = (await invalidUpload(context)).exchange
  return ofInvalidRows.status === 422 && answerText(ofInvalidRows) === answerText(exchange)
}

export const bulkBytes: Experiment = {
  name: 'bulk_bytes',
  assumed: `uploads of ${ASSUMED.maxBulkBytes / 1e6} MB are accepted`,
  async run(context) {
    let largest = 0
    let rejection = ''
    for (const megabytes of MEGABYTES) {
      const rows = invalidRows(context, ROWS_OF_A_LARGE_UPLOAD, megabytes * 1e6)
      const exchange = await context.tratta.bulk(rows)
      if (await isSizeAccepted(context, exchange, rows.length)) largest = megabytes
      else {
        if (exchange.status !== TOO_LARGE && exchange.status !== 422 && largest === 0)
          throw new UndecidedError(answerText(exchange))
        rejection = `, ${megabytes} MB rejected (${exchange.status ?? exchange.error?.code})`
        break
      }
    }
    if (largest * 1e6 >= ASSUMED.maxBulkBytes)
      return asAssumed(String(ASSUMED.maxBulkBytes), `${largest} MB accepted${rejection}`)
    const value = largest === 0 ? 500_000 : largest * 1e6
    return differs(
      String(value),
      `${largest} MB accepted${rejection}`,
      `\`bulk push\` sends at most ${value} bytes in a request`,
    )
  },
}

export const bulkRows: Experiment = {
  name: 'bulk_rows',
  assumed: 'uploads of 1,000 rows are accepted, of 1,001 rows rejected',
  async run(context) {
    const tries = async (count: number) => {
      const exchange = await context.tratta.bulk(invalidRows(context, count))
      return { exchange, isTaken: await isSizeAccepted(context, exchange, count) }
    }
    const { exchange, isTaken } = await tries(ASSUMED.maxBulkRows)
    if (isTaken) {
      const above = await tries(ASSUMED.maxBulkRows + 1)
      return above.isTaken
        ? differs('1000', '1,001 rows are accepted', 'nothing: the documented 1,000 rows stay the maximum')
        : asAssumed('1000', `1,001 rows: ${above.exchange.status ?? answerText(above.exchange)}`)
    }
    if (!exchange.error || exchange.status === undefined) throw new UndecidedError(answerText(exchange))
    const result = readError(exchange.error, ASSUMED.maxBulkRows)
    let max = result.kind === 'rejected' ? result.maxRows : undefined
    for (const count of [500, 250, 100]) {
      if (max !== undefined) break
      if ((await tries(count)).isTaken) max = count
    }
    if (max === undefined) throw new UndecidedError(answerText(exchange))
    return differs(
      String(max),
      `1,000 rows are rejected (${exchange.status}), ${max} are accepted`,
      `\`bulk push\` sends at most ${max} rows in a request`,
    )
  },
}

export const parallelRequests: Experiment = {
  name: 'parallel_requests',
  assumed: 'several uploads are accepted at the same time',
  async run({ tratta, data }) {
    const exchanges = await Promise.all([1, 2].map(() => tratta.bulk([data.row()], { busyMs: 0 })))
    const rejected = exchanges.find(isConflict)
    if (rejected)
      return differs(
        '1',
        `the second of two uploads is rejected (${rejected.status})`,
        '`bulk push` sends one request at a time',
      )
    const failed = exchanges.find((exchange) => !isAccepted(exchange))
    if (failed) throw new UndecidedError(answerText(failed))
    return asAssumed(String(ASSUMED.bulkInFlight), 'two at the same time are accepted')
  },
}

const PROCESSING_MS = 1500

export const cutConnection: Experiment = {
  name: 'cut_connection',
  assumed: 'an upload whose connection is cut after the body may be processed',
  async run(context) {
    if (proxyFor(context.config.TRATTA_API_URL, context.config) !== undefined)
      throw new UndecidedError('a connection through a proxy cannot be cut')
    const control = await rowWithError(context)
    const row = context.data.row()
    // Earlier uploads are processed first.
    await pause(PROCESSING_MS, undefined, { signal: context.signal })
    await sendAndCut(context, JSON.stringify([row]))
    await pause(PROCESSING_MS, undefined, { signal: context.signal })
    const { rows } = await readErrors(context, await upload(context, [row, control]))
    return rows.length > 1
      ? asAssumed('processed', 'it is processed')
      : differs(
          'dropped',
          'it is not processed',
          'nothing: `bulk push` sends a request without an answer again',
        )
  },
}

/** Not by the client: it cannot close a connection between the body and the response. */
function sendAndCut({ config, signal }: ProbeContext, body: string): Promise<void> {
  const url = new URL(`${config.TRATTA_API_URL}/bulk`)
  const send = url.protocol === 'https:' ? requestHttps : requestHttp
  return new Promise((resolve, reject) => {
    let isSent = false
    const request = send(url, {
      method: 'POST',
      agent: false,
      signal,
      headers: {
        authorization: `Bearer ${config.TRATTA_API_TOKEN}`,
        accept: 'application/json',
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      },
    })
    request.on('error', (error) => {
      if (isSent || signal.aborted) resolve()
      else reject(new UndecidedError(`no connection (${(error as NodeJS.ErrnoException).code})`))
    })
    request.on('close', resolve)
    request.end(body, () => {
      isSent = true
      request.destroy()
    })
  })
}
