/** The record of a finished or failed import. */
import { userFacing } from '../database/connection-errors.ts'
import type { ADJUSTED, Adjustments } from './adjustments.ts'
import type { ImportOptions, ImportResult } from './import-result.ts'
import { createClient } from './import-session.ts'
import { type ImportRecord, recordImport } from './imports-table.ts'
import type { ImportProgress } from './progress.ts'
import type { InputFile } from './stage-files.ts'

type NewRecord = Omit<ImportRecord, 'ended_at' | 'os_user' | 'host'>

export function recordOf(
  { files, rows, isLoaded, rejected, counts, absent, adjustments }: ImportResult,
  { recorded }: ImportOptions,
  startedAt: Date,
): NewRecord {
  return {
    outcome: isLoaded ? 'loaded' : absent?.isRefused ? 'refused' : 'rejected',
    error: null,
    started_at: startedAt,
    options: recorded,
    files,
    rows,
    rows_rejected: rejected.rows,
    counts: counts ?? null,
    absent: absent
      ? {
          action: absent.action,
          accounts: absent.accounts.count,
          of: absent.total,
          already_closed: absent.closed,
          parents: absent.parents.count,
        }
      : null,
    rejected: rejected.reasons,
    adjustments: adjustmentCounts(adjustments),
  }
}

function adjustmentCounts(adjustments: Adjustments) {
  const counts = (kind: (typeof ADJUSTED)[number]) =>
    adjustments.list(kind).map(({ message, count }) => ({ message, count }))
  return { omitted: counts('omitted'), changed: counts('changed'), skipped: counts('skipped') }
}

/** Uses a new connection: an error or a stop can have closed the other one. */
export async function recordFailure(
  databaseUrl: string,
  files: InputFile[],
  { recorded }: ImportOptions,
  { rows, rejected }: ImportProgress,
  startedAt: Date,
  error: unknown,
  signal: AbortSignal,
) {
  const known = userFacing(error)
  if (known?.exitCode === 2) return
  const client = createClient(databaseUrl)
  try {
    await client.connect()
    await recordImport(client, {
      outcome: 'failed',
      // Other messages can contain values.
      error: signal.aborted ? 'Stopped' : (known?.message ?? 'Unexpected error'),
      started_at: startedAt,
      options: recorded,
      files: files.map(({ name }) => ({ file: name })),
      rows,
      rows_rejected: rejected,
      counts: null,
      absent: null,
      rejected: [],
      adjustments: { omitted: [], changed: [], skipped: [] },
    })
  } catch {
    // The command reports the first error.
  } finally {
    await client.end().catch(() => {})
  }
}
