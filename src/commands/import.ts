import { constants, setPriority } from 'node:os'
import { basename } from 'node:path'
import { type Config, ConfigError, readConfig } from '../config.ts'
import { userFacing } from '../database/connection-errors.ts'
import { isUpToDate } from '../database/migrate.ts'
import { createPool } from '../database/pool.ts'
import { type ImportOptions, importFiles } from '../import/import-files.ts'
import { listImports } from '../import/imports-table.ts'
import { ImportProgress, showImportProgress } from '../import/progress.ts'
import { ENCODINGS } from '../import/read/encoding.ts'
import { readMapFile } from '../import/read/header.ts'
import { displayName } from '../import/read/open-file.ts'
import { DATES } from '../import/read/read-date.ts'
import { MONEY } from '../import/read/read-money.ts'
import { FORMATS, QUOTES, type ReadOptions } from '../import/read/read-options.ts'
import { historyLine } from '../import/report/history-line.ts'
import { importEvent, importText } from '../import/report/report.ts'
import { ABSENT } from '../import/stage/absent.ts'
import type { InputFile } from '../import/stage-files.ts'
import { limitHeapGrowth } from '../limit-heap-growth.ts'
import { print, printError, printJson } from '../terminal/output.ts'
import { UsageError } from '../user-facing-error.ts'
import {
  DONE,
  FAILED,
  fail,
  failWith,
  NOT_UP_TO_DATE,
  type Options,
  SOME_REJECTED,
  stopSignal,
  USAGE_ERROR,
} from './command.ts'

export async function importCommand(options: Options, files: string[]): Promise<number> {
  if (options.history) return await printHistory(options, files)
  if (files.length === 0) throw new UsageError('import needs a FILE')
  limitHeapGrowth()
  // Calls that the responder answers on this machine have priority.
  setPriority(constants.priority.PRIORITY_LOW)
  const read = readOptions(options)
  const inputs = files.map((path) => ({ path, name: displayName(path), read }))
  return await importWith(inputs, importOptions(options, files), options)
}

async function importWith(files: InputFile[], importOptions: ImportOptions, options: Options) {
  const config = readConfig(process.env, 'DATABASE_URL')
  if (config.DATABASE_SCHEMA !== 'tratta_jit')
    throw new ConfigError([
      'DATABASE_SCHEMA is not tratta_jit: import loads the tables in tratta_jit, and calls are answered from the other schema',
    ])
  if (!(await isSchemaUpToDate(config))) return fail(NOT_UP_TO_DATE, options)
  const stop = new AbortController()
  void stopSignal().then(() => stop.abort())
  return await runImport(config.DATABASE_URL, files, importOptions, options, stop.signal)
}

/** @throws {UsageError} */
function readOptions(options: Options): ReadOptions {
  const { format, encoding, money, dates, delimiter, quote, map } = options
  const { 'skip-lines': skipLines, 'null-values': nullValues } = options
  return {
    ...(format !== undefined && { format: oneOf(FORMATS, 'format', format) }),
    ...(encoding !== undefined && { encoding: oneOf(ENCODINGS, 'encoding', encoding) }),
    ...(money !== undefined && { money: oneOf(MONEY, 'money', money) }),
    ...(dates !== undefined && { dates: oneOf(DATES, 'dates', dates) }),
    ...(delimiter !== undefined && { delimiter: readDelimiter(String(delimiter)) }),
    ...(quote !== undefined && { quote: oneOf(QUOTES, 'quote', quote) }),
    ...(skipLines !== undefined && { skipLines: readLineCount(String(skipLines)) }),
    ...(nullValues !== undefined && {
      nullValues: String(nullValues)
        .split(',')
        .filter((one) => one !== ''),
    }),
    allowSuspicious: Boolean(options['allow-suspicious']),
    ...(map !== undefined && { map: readMapFile(String(map)) }),
  }
}

/** @throws {UsageError} */
function importOptions(options: Options, files: string[]): ImportOptions {
  const { rejects } = options
  if (options['keep-good'] && rejects === undefined)
    throw new UsageError('--keep-good needs --rejects FILE, which gets the rejected rows')
  if (rejects !== undefined && files.length > 1) throw new UsageError('--rejects works with one FILE only')
  if (files.filter((file) => file === '-').length > 1)
    throw new UsageError('Standard input can be read only once')
  return {
    rules: { strict: Boolean(options.strict), allowSuspicious: Boolean(options['allow-suspicious']) },
    dryRun: Boolean(options['dry-run']),
    keepGood: Boolean(options['keep-good']),
    ...(rejects !== undefined && { rejects: String(rejects) }),
    ...snapshotOption(options),
    recorded: recordedOptions(options),
    onLoadedBefore(file, loadedAt) {
      const loaded_at = loadedAt.toISOString()
      if (options.json) void printJson({ event: 'loaded_before', file, loaded_at })
      else printError(`${file}: a file with the same content was loaded before, at ${loaded_at}`)
    },
  }
}

/** Files are without their folders. */
function recordedOptions(options: Options) {
  const entries = Object.entries(options).filter(([name]) => name !== 'json')
  return Object.fromEntries(
    entries.map(([name, value]) => [
      name,
      ['map', 'rejects'].includes(name) ? basename(String(value)) : value,
    ]),
  )
}

const DEFAULT_MAX_ABSENT = 10

/** @throws {UsageError} */
function snapshotOption({ snapshot, absent, 'max-absent': maxAbsent }: Options) {
  if (!snapshot) {
    if (absent !== undefined) throw new UsageError('--absent needs --snapshot')
    if (maxAbsent !== undefined) throw new UsageError('--max-absent needs --snapshot')
    return undefined
  }
  const percent = maxAbsent === undefined ? DEFAULT_MAX_ABSENT : readPercent(String(maxAbsent))
  return { snapshot: { absent: oneOf(ABSENT, 'absent', absent ?? 'zero'), maxPercent: percent } }
}

function readPercent(text: string) {
  const percent = /^\d+(\.\d+)?%?$/.test(text) ? Number(text.replace('%', '')) : Number.NaN
  if (!(percent <= 100)) throw new UsageError('--max-absent must be a percentage from 0 to 100')
  return percent
}

function oneOf<const Value extends string>(values: readonly Value[], option: string, given: unknown): Value {
  const value = values.find((each) => each === given)
  if (value === undefined) throw new UsageError(`--${option} must be one of ${values.join(', ')}`)
  return value
}

function readDelimiter(option: string) {
  const delimiter = option === 'tab' ? '\t' : option
  if (!/^[\t\x20-\x7e]$/.test(delimiter) || delimiter === '"')
    throw new UsageError('--delimiter must be one character or the word tab')
  return delimiter
}

function readLineCount(option: string) {
  if (!/^\d{1,6}$/.test(option)) throw new UsageError('--skip-lines must be a number of lines')
  return Number(option)
}

const MAX_HISTORY = 100

async function printHistory(options: Options, files: string[]) {
  if (files.length > 0) throw new UsageError('--history takes no FILE')
  const config = readConfig(process.env, 'DATABASE_URL')
  const pool = importPool(config)
  try {
    if (!(await isUpToDate(pool))) return fail(NOT_UP_TO_DATE, options)
    const imports = await listImports(pool, MAX_HISTORY)
    for (const one of imports) await (options.json ? printJson(one) : print(historyLine(one)))
    if (imports.length === 0 && !options.json) await print('No import is recorded')
    return DONE
  } catch (error) {
    return failWith(error, options)
  } finally {
    await pool.end()
  }
}

const importPool = (config: Config<'DATABASE_URL'>) =>
  createPool({ ...config, DATABASE_POOL_SIZE: 1 }, { connectionMs: 30_000, statementMs: 30_000 })

async function isSchemaUpToDate(config: Config<'DATABASE_URL'>) {
  const pool = importPool(config)
  try {
    return await isUpToDate(pool)
  } finally {
    await pool.end()
  }
}

async function runImport(
  databaseUrl: string,
  files: InputFile[],
  importOptions: ImportOptions,
  options: Options,
  signal: AbortSignal,
): Promise<number> {
  const names = files.map(({ name }) => name).join(', ')
  const progress = new ImportProgress()
  const endProgress = showImportProgress(names, progress, Boolean(options.json))
  const start = performance.now()
  try {
    const result = await importFiles(databaseUrl, files, importOptions, progress, signal)
    endProgress()
    if (options.json) await printJson(importEvent(result, importOptions, (performance.now() - start) / 1000))
    else await print(importText(result, importOptions))
    if (result.absent?.isRefused) return FAILED
    if (result.rejected.rows === 0) return DONE
    return result.isLoaded || importOptions.dryRun ? SOME_REJECTED : FAILED
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
