/** Reads refusals outside of a push: those that are due, and those that may have become more. */
import type pg from 'pg'
import type { TrattaClient } from '../tratta/client.ts'
import { fetchErrors, isAboutThisOne, settle } from './settle.ts'
import { LATE } from './status.ts'

const AT_ONCE = 4

/**
 * @param bulkId only this one, however often it was read
 * @returns what could not be read, in words
 */
export async function readErrorsAgain(
  pool: pg.Pool,
  client: TrattaClient,
  target: number,
  bulkId: string | undefined,
): Promise<string | undefined> {
  const { rows } = await pool.query<{ request: string; bulk_id: string; is_old: boolean }>(
    `select request, bulk_id, completed or sent_at < now() - interval '1 minute' as is_old
     from tratta_jit.bulk_requests join tratta_jit.bulk_runs using (run)
     where target = $1 and bulk_id is not null and case when $2::text is not null then bulk_id = $2
       else state = 'sent' or state = 'settled' and not completed
         and errors_read_at < sent_at + ${LATE} and now() > sent_at + ${LATE} end
     order by request`,
    [target, bulkId ?? null],
  )
  if (bulkId !== undefined && rows.length === 0) return `No request of ours has the bulk_id ${bulkId}`
  const problems: string[] = []
  const queue = rows.values()
  const work = async () => {
    for (const { request, bulk_id, is_old } of queue) {
      try {
        // Read soon after it was sent, it may not be all: then it is not settled by it.
        await settle(pool, request, await fetchErrors(client, bulk_id), is_old)
      } catch (error) {
        if (!isAboutThisOne(error)) throw error
        problems.push((error as Error).message)
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return problems.length > 0 ? problems.join('\n') : undefined
}
