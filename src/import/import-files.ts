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

import type pg from 'pg'
import { Adjustments } from './adjustments.ts'
import { recordFailure, recordOf } from './import-record.ts'
import type { ImportOptions, ImportResult } from './import-result.ts'
import { beginImport, createClient } from './import-session.ts'
import { lastLoaded, recordImport } from './imports-table.ts'
import type { ImportProgress } from './progress.ts'
import { countRejected } from './report/count-rejected.ts'
import { requireNewFile, writeRejectFile } from './report/reject-file.ts'
import { summarize } from './report/summary.ts'
import { applySnapshot, countAbsent, planSnapshot } from './stage/absent.ts'
import { analyze, countMerge, merge } from './stage/merge.ts'
import { createStaging } from './stage/staging.ts'
import { type InputFile, stageFiles } from './stage-files.ts'
import { validateStaged } from './validate/validate-staged.ts'

/** @throws {UserFacingError} {@link UsageError} and errors of the database */
export async function importFiles(
  databaseUrl: string,
  files: InputFile[],
  options: ImportOptions,
  progress: ImportProgress,
  signal: AbortSignal,
): Promise<ImportResult> {
  if (options.rejects !== undefined) await requireNewFile(options.rejects)
  const startedAt = new Date()
  const client = createClient(databaseUrl)
  const abort = () => {
    if (progress.phase !== 'committing') client.connection.stream.destroy()
  }
  signal.addEventListener('abort', abort)
  try {
    await client.connect()
    await beginImport(client)
    const result = await importWith(client, files, options, progress, signal)
    if (options.dryRun) return result
    if (!result.isLoaded) await client.query('rollback')
    await recordImport(client, recordOf(result, options, startedAt))
    if (!result.isLoaded) return result
    signal.throwIfAborted()
    progress.enter('committing')
    await client.query('commit')
    await analyze(client, result.counts!)
    return result
  } catch (error) {
    signal.removeEventListener('abort', abort)
    if (!options.dryRun) await recordFailure(databaseUrl, files, options, progress, startedAt, error, signal)
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
    // Rolls back an open transaction.
    await client.end().catch(() => {})
  }
}

/** Stages, validates and merges. The caller commits. */
async function importWith(
  client: pg.Client,
  files: InputFile[],
  { dryRun, keepGood, rejects, ...options }: ImportOptions,
  progress: ImportProgress,
  signal: AbortSignal,
): Promise<ImportResult> {
  const staging = await createStaging(client, files)
  const adjustments = new Adjustments()
  const staged = await stageFiles(
    files,
    rejects !== undefined,
    staging,
    adjustments,
    options.rules,
    progress,
    signal,
  )

  progress.enter('validating')
  await validateStaged(client, options.rules, adjustments)
  const rejected = await countRejected(client, files)
  progress.rejected = rejected.rows
  const result: ImportResult = {
    files: staged.map(({ sha256, bytes, rows }, at) => ({ file: files[at]!.name, sha256, bytes, rows })),
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
  for (const { file, sha256 } of result.files) {
    const loadedAt = await lastLoaded(client, sha256)
    if (loadedAt) options.onLoadedBefore(file, loadedAt)
  }

  progress.enter('merging')
  // Absent accounts are unknown while rows are rejected.
  const snapshot = rejected.rows === 0 ? options.snapshot : undefined
  const absent = snapshot ? await planSnapshot(client, snapshot) : await countAbsent(client)
  if (absent) result.absent = absent
  if (absent?.isRefused) return result
  result.summary = await summarize(client)
  if (dryRun) return { ...result, counts: await countMerge(client) }
  const counts = await merge(client)
  if (snapshot) await applySnapshot(client)
  return { ...result, isLoaded: true, counts }
}
