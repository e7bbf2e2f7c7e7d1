/** Reads errors outside of a push: those that are due, and those that may have become more. */
import type pg from 'pg'
import type { TrattaClient } from '../tratta/client.ts'
import { concernsOneRequest, fetchErrors } from './fetch-errors.ts'
import { LATE_INTERVAL } from './request-counts.ts'
import { storeErrors } from './store-errors.ts'

const CONCURRENCY = 4

interface ReadErrorsOptions {
  /** Only this one, whenever it was read. */
  bulkId: string | undefined
  /** All, whenever they were read. */
  again: boolean
  /** Updated after each request. */
  progress: ErrorsProgress
}

export interface ErrorsProgress {
  /** Requests whose errors are read. */
  read: number
  /** Requests whose errors are due. */
  total: number
}

interface DueRequest {
  request: string
  bulk_id: string
  is_old: boolean
}

/** @returns what could not be read, one message for each request */
export async function readDueErrors(
  pool: pg.Pool,
  client: TrattaClient,
  target: number,
  { bulkId, again, progress }: ReadErrorsOptions,
): Promise<string[]> {
  const { rows } = await pool.query<DueRequest>(
    `select request, bulk_id, completed or sent_at < now() - interval '1 minute' as is_old
     from tratta_jit.bulk_requests join tratta_jit.bulk_runs using (run)
     where target = $1 and bulk_id is not null and case
       when $2::text is not null then bulk_id = $2
       when $3 then true
       else state = 'sent' or state = 'settled' and not completed
         and errors_read_at < sent_at + ${LATE_INTERVAL} and now() > sent_at + ${LATE_INTERVAL} end
     order by request`,
    [target, bulkId ?? null, again],
  )
  if (bulkId !== undefined && rows.length === 0) return [`No request of ours has the bulk_id ${bulkId}`]
  progress.total = rows.length
  const problems: string[] = []
  const queue = rows.values()
  async function work() {
    for (const { request, bulk_id, is_old } of queue) {
      try {
        const result = await fetchErrors(client, bulk_id)
        // A reading soon after the request may be incomplete: it does not settle the request.
        if (result.kind === 'errors') await storeErrors(pool, request, result.rows, is_old)
        else problems.push(result.message)
      } catch (error) {
        if (!concernsOneRequest(error)) throw error
        problems.push(error.message)
      }
      progress.read += 1
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, work))
  return problems
}
