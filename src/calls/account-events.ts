/** What happened to an account beside the calls: uploads, rejections, and triggers by a person. */
import type pg from 'pg'
import { readAccountUploads } from '../bulk/account-uploads.ts'
import { readReads } from './reads.ts'

export interface AccountEvent {
  time: Date
  event: 'uploaded' | 'rejected' | 'triggered'
  /** A sentence for a person. It contains no value of the account. */
  text: string
}

const MAX_TRIGGERS = 1000

/** @returns newest first */
export async function readAccountEvents(
  pool: pg.Pool,
  externalId: string,
  since?: Date | undefined,
): Promise<AccountEvent[]> {
  const uploads = await readAccountUploads(pool, externalId)
  const reads = await readReads(pool, { externalId, since }, MAX_TRIGGERS)
  const events = [
    ...uploads.flatMap(({ time, run, bulk_id, state, rejected_by, reasons, rejected_at }): AccountEvent[] => {
      const request = bulk_id === null ? `run ${run}` : `run ${run}, bulk_id ${bulk_id}`
      const rejection: AccountEvent[] =
        rejected_at === null
          ? []
          : [
              {
                time: rejected_at,
                event: 'rejected',
                text: `${state === 'unknown' ? 'unknown' : `rejected by ${rejected_by}`} (${request}): ${reasons.join('; ')}`,
              },
            ]
      if (rejected_by === 'us' && bulk_id === null) return rejection
      return [...rejection, { time, event: 'uploaded', text: `bulk push (${request}): ${state}` }]
    }),
    ...reads.flatMap(({ time, command, user_name, result }): AccountEvent[] =>
      command === 'trigger'
        ? [{ time, event: 'triggered', text: `trigger by ${user_name}: ${result ?? 'no result'}` }]
        : [],
    ),
  ]
  return events
    .filter(({ time }) => since === undefined || time >= since)
    .sort((a, b) => b.time.getTime() - a.time.getTime())
}
