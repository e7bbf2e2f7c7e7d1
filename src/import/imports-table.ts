/** The record of each import in the table `imports`: names, sizes, counts and reasons, no values of the data. */
import { hostname, userInfo } from 'node:os'
import { basename } from 'node:path'
import type pg from 'pg'
import type { ADJUSTED } from './adjustments.ts'
import type { MergeCounts } from './stage/merge.ts'

export interface ImportedFile {
  /** Without its folder. */
  file: string
  /** The other fields are absent if the import failed. */
  sha256?: string
  bytes?: number
  rows?: number
}

interface ReasonCount {
  code: string
  field: string | null
  message: string
  rows: number
}

export interface ImportRecord {
  /** In all outcomes but `loaded`, nothing was loaded. `refused`: too many accounts were absent. */
  outcome: 'loaded' | 'rejected' | 'refused' | 'failed'
  /** Why the import failed. */
  error: string | null
  started_at: Date
  ended_at: Date
  os_user: string
  host: string
  /** The options of the command. Files are without their folders. */
  options: Record<string, unknown>
  files: ImportedFile[]
  rows: number
  rows_rejected: number
  /** Null if nothing was loaded. */
  counts: MergeCounts | null
  /** Null if the files had no accounts, or if absent accounts were not counted. */
  absent: { action: string; accounts: number; of: number; already_closed: number; parents?: number } | null
  rejected: ReasonCount[]
  /** The values that were omitted or changed, and the lines that were skipped. */
  adjustments: Record<(typeof ADJUSTED)[number], { message: string; count: number }[]>
}

type Queryable = Pick<pg.Pool, 'query'> | Pick<pg.Client, 'query'>

/** @param record without what this function finds out */
export async function recordImport(
  client: Queryable,
  record: Omit<ImportRecord, 'ended_at' | 'os_user' | 'host'>,
) {
  const { outcome, error, started_at, options, files, rows, rows_rejected, counts, absent } = record
  await client.query(
    `insert into tratta_jit.imports (outcome, error, started_at, os_user, host, options, files, rows, rows_rejected,
       counts, absent, rejected, adjustments)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
    [
      outcome,
      error,
      started_at,
      userName(),
      hostname(),
      JSON.stringify(options),
      JSON.stringify(files.map((file) => ({ ...file, file: basename(file.file) }))),
      rows,
      rows_rejected,
      counts && JSON.stringify(counts),
      absent && JSON.stringify(absent),
      JSON.stringify(record.rejected.map(withoutExamples)),
      JSON.stringify(record.adjustments),
    ],
  )
}

const withoutExamples = ({ code, field, message, rows }: ReasonCount) => ({ code, field, message, rows })

/** A user without an entry in the list of users (in a container) has only a number. */
function userName() {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.() ?? 'unknown')
  }
}

/** The imports, newest first. */
export async function listImports(client: Queryable, limit: number): Promise<ImportRecord[]> {
  const { rows } = await client.query<ImportRecord>(
    `select outcome, error, started_at, ended_at, os_user, host, options, files, rows::int, rows_rejected::int,
       counts, absent, rejected, adjustments
     from tratta_jit.imports order by import desc limit $1`,
    [limit],
  )
  return rows
}

/** @returns when a file with this content was loaded last */
export async function lastLoaded(client: Queryable, sha256: string): Promise<Date | undefined> {
  const { rows } = await client.query<{ ended_at: Date }>(
    `select ended_at from tratta_jit.imports
     where outcome = 'loaded' and files @> jsonb_build_array(jsonb_build_object('sha256', $1::text))
     order by import desc limit 1`,
    [sha256],
  )
  return rows[0]?.ended_at
}
