import { constants, setPriority } from 'node:os'
import { type Config, ConfigError, readConfig } from '../config.ts'
import { userFacing } from '../database/connection-errors.ts'
import { isUpToDate } from '../database/migrate.ts'
import { createPool } from '../database/pool.ts'
import { importFiles } from '../import/import-files.ts'
import type { ImportOptions } from '../import/import-result.ts'
import { ImportProgress, showImportProgress } from '../import/progress.ts'
import { importEvent, importText } from '../import/report/report.ts'
import type { InputFile } from '../import/stage-files.ts'
import { limitHeapGrowth } from '../limit-heap-growth.ts'
import { print, printJson } from '../terminal/output.ts'
import { UsageError } from '../user-facing-error.ts'
import {
  DONE,
  FAILED,
  fail,
  NOT_UP_TO_DATE,
  type Options,
  SOME_REJECTED,
  stopSignal,
  USAGE_ERROR,
} from './command.ts'
import { printHistory } from './import-history.ts'
import { importOptions, inputFiles } from './import-options.ts'
import { printSuggestedMap } from './suggest-map.ts'

export async function importCommand(options: Options, files: string[]): Promise<number> {
  if (options.history) return await printHistory(options, files)
  if (files.length === 0) throw new UsageError('import needs a FILE')
  if (options['suggest-map']) return await printSuggestedMap(options, files)
  limitHeapGrowth()
  // Calls that the responder answers on this machine have priority.
  setPriority(constants.priority.PRIORITY_LOW)
  return await importWith(inputFiles(options, files), importOptions(options, files), options)
}

async function importWith(files: InputFile[], given: ImportOptions, options: Options) {
  const config = readConfig(process.env, 'DATABASE_URL')
  if (config.DATABASE_SCHEMA !== 'tratta_jit')
    throw new ConfigError([
      'DATABASE_SCHEMA is not tratta_jit: import loads the tables in tratta_jit, and calls are answered from the other schema',
    ])
  if (!(await isSchemaUpToDate(config))) return fail(NOT_UP_TO_DATE, options)
  const stop = new AbortController()
  void stopSignal().then(() => stop.abort())
  return await runImport(config.DATABASE_URL, files, given, options, stop.signal)
}

async function isSchemaUpToDate(config: Config<'DATABASE_URL'>) {
  const pool = createPool({ ...config, DATABASE_POOL_SIZE: 1 }, { connectionMs: 30_000, statementMs: 30_000 })
  try {
    return await isUpToDate(pool)
  } finally {
    await pool.end()
  }
}

async function runImport(
  databaseUrl: string,
  files: InputFile[],
  given: ImportOptions,
  options: Options,
  signal: AbortSignal,
): Promise<number> {
  const names = files.map(({ name }) => name).join(', ')
  const progress = new ImportProgress()
  const endProgress = showImportProgress(names, progress, Boolean(options.json))
  const start = performance.now()
  try {
    const result = await importFiles(databaseUrl, files, given, progress, signal)
    endProgress()
    if (options.json) await printJson(importEvent(result, given, (performance.now() - start) / 1000))
    else await print(importText(result, given))
    if (result.absent?.isRefused) return FAILED
    if (result.rejected.rows === 0) return DONE
    return result.isLoaded || given.dryRun ? SOME_REJECTED : FAILED
  } catch (error) {
    endProgress()
    const known = userFacing(error)
    const message = signal.aborted ? 'Stopped' : known?.message
    if (message === undefined || known?.exitCode === USAGE_ERROR) throw error
    const consequence =
      progress.phase === 'committing'
        ? 'The rows may or may not be loaded. Run the import again: it does not change what is loaded already.'
        : 'Nothing is loaded.'
    return fail(`${progress.file ?? names}: ${message.replace(/\.$/, '')}. ${consequence}`, options)
  }
}
