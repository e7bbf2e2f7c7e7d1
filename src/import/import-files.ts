/**
 * Imports the files of one command in one transaction, as if they were one file.
 *
 * | phase      | work                                                              |
 * |------------|-------------------------------------------------------------------|
 * | waiting    | connect, begin, take the lock                                     |
 * | reading    | read each file, validate each row, copy it to temporary tables    |
 * | validating | validate staged rows against each other, write the reject file    |
 * | merging    | merge staged rows into the tables                                 |
 * | committing | commit. An error in this phase leaves the result unknown          |
 *
 * An error or an abort in any phase before `committing` rolls back: the tables do not change.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { driverUrl } from '../database-url.ts'
import { UserFacingError } from '../user-facing-error.ts'
import { Adjustments } from './adjustments.ts'
import type { ImportProgress } from './progress.ts'
import { countRejected, type Rejected } from './report/count-rejected.ts'
import { requireNewFile, writeRejectFile } from './report/reject-file.ts'
import { type Absent, applySnapshot, countAbsent, planSnapshot, type Snapshot } from './stage/absent.ts'
import { analyze, countMerge, type MergeCounts, merge } from './stage/merge.ts'
import { createStaging } from './stage/staging.ts'
import { type InputFile, stageFiles } from './stage-files.ts'
import { validateStaged } from './validate/validate-staged.ts'

export interface ImportOptions {
  dryRun: boolean
  /** Loads the valid rows although others are rejected. */
  keepGood: boolean
  /** The path of the reject file. */
  rejects?: string
  /** The files are the whole portfolio. */
  snapshot?: Snapshot
}

export interface ImportResult {
  files: { file: string; rows: number }[]
  /** Of all files. */
  rows: number
  isLoaded: boolean
  rejected: Rejected
  /** Undefined when rejected rows prevented the merge. */
  counts?: MergeCounts
  /** Accounts of the tables that are not in the files. Undefined if there are no accounts in the files. */
  absent?: Absent
  additionalFields: string[]
  adjustments: Adjustments
}

/** @throws {UserFacingError} {@link UsageError} and errors of the database */
export async function importFiles(
  databaseUrl: string,
  files: InputFile[],
  options: ImportOptions,
  progress: ImportProgress,
  signal: AbortSignal,
): Promise<ImportResult> {
  const { dryRun, keepGood, rejects } = options
  if (rejects !== undefined) await requireNewFile(rejects)
  const client = createClient(databaseUrl)
  const abort = () => {
    if (progress.phase !== 'committing') client.connection.stream.destroy()
  }
  signal.addEventListener('abort', abort)
  try {
    await client.connect()
    await beginImport(client)
    const staging = await createStaging(client, files)
    const adjustments = new Adjustments()
    const staged = await stageFiles(files, rejects !== undefined, staging, adjustments, progress, signal)

    progress.enter('validating')
    await validateStaged(client)
    const rejected = await countRejected(client, files)
    progress.rejected = rejected.rows
    const result: ImportResult = {
      files: staged.map(({ rows }, at) => ({ file: files[at]!.name, rows })),
      rows: progress.rows,
      isLoaded: false,
      rejected,
      additionalFields: [...new Set(staged.flatMap(({ additionalFields }) => additionalFields))],
      adjustments,
    }
    if (rejected.rows > 0) {
      if (rejects !== undefined) await writeRejectFile(client, rejects, staged[0]!.rejectFormat)
      if (!keepGood && !dryRun) return result
    }

    progress.enter('merging')
    // Absent accounts are unknown while rows are rejected.
    const snapshot = rejected.rows === 0 ? options.snapshot : undefined
    const absent = snapshot ? await planSnapshot(client, snapshot) : await countAbsent(client)
    if (absent) result.absent = absent
    if (absent?.isRefused) return result
    if (dryRun) return { ...result, counts: await countMerge(client) }
    const counts = await merge(client)
    if (snapshot) await applySnapshot(client)
    signal.throwIfAborted()
    progress.enter('committing')
    await client.query('commit')
    await analyze(client, counts)
    return { ...result, isLoaded: true, counts }
  } finally {
    signal.removeEventListener('abort', abort)
    // Rolls back an open transaction.
    await client.end().catch(() => {})
  }
}

/** Postgres can take a moment to notice that a process was killed. */
const LOCK_TIMEOUT_MS = 3000
const LOCK_RETRY_MS = 200

function createClient(databaseUrl: string) {
  const client = new pg.Client({
    connectionString: driverUrl(databaseUrl),
    application_name: 'tratta-jit import',
    connectionTimeoutMillis: 30_000,
    keepAlive: true,
  })
  // The running statement fails with the same error.
  client.on('error', () => {})
  return client
}

/**
 * Starts the transaction and takes the lock that allows one import at a time.
 * @throws {UserFacingError}
 */
async function beginImport(client: pg.Client) {
  // Sorting millions of ids is faster than hashing more than work_mem.
  await client.query(`
    begin;
    set local statement_timeout = 0;
    set local idle_in_transaction_session_timeout = 0;
    set local work_mem = '64MB';
    set local temp_buffers = '32MB';
    set local default_statistics_target = 10;
    set local enable_hashagg = off;`)
  // Postgres cancels the running statement when this process ends.
  await client.query(
    `select set_config(name, '2s', true) from pg_settings
     where name = 'client_connection_check_interval' and version() ~ 'linux'`,
  )
  for (let waited = 0; ; waited += LOCK_RETRY_MS) {
    const { rows } = await client.query<{ locked: boolean }>(
      "select pg_try_advisory_xact_lock(hashtextextended('tratta_jit.import', 0)) as locked",
    )
    if (rows[0]!.locked) return
    if (waited >= LOCK_TIMEOUT_MS)
      throw new UserFacingError('Another import is running on this database: only one can run at a time')
    await sleep(LOCK_RETRY_MS)
  }
}
