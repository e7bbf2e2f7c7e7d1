import { readFileSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { boundMemory } from '../bound-memory.ts'
import { type Config, ConfigError, readConfig } from '../config.ts'
import { isUpToDate } from '../database/migrate.ts'
import { createPool } from '../database/pool.ts'
import { type ColumnMap, WrongHeader } from '../import/columns.ts'
import { ENCODINGS } from '../import/encoding.ts'
import { type ImportOptions, ImportUnderWay, importFile } from '../import/import-file.ts'
import { nameOf, UnreadableFile } from '../import/open-file.ts'
import { DATES, MONEY } from '../import/read-cell.ts'
import { FORMATS, type Reading, WrongReading } from '../import/read-rows.ts'
import { CannotReject } from '../import/rejects.ts'
import { importedEvent, importedScreen, noProgress, showImport } from '../import/show-import.ts'
import { RefusedByDatabase } from '../import/staging.ts'
import { isObject } from '../json.ts'
import { print, printError, printJson } from '../terminal/output.ts'
import {
  type Command,
  DONE,
  databaseMessage,
  FAILED,
  fail,
  NOT_UP_TO_DATE,
  type Options,
  SOME_REJECTED,
  stopSignal,
  UsageError,
} from './command.ts'

export const importCommand: Command = {
  positionals: ['FILE…'],
  description:
    "loads accounts from CSV, NDJSON or JSON in Tratta's bulk shape; - is standard input (docs/import.md)",
  options: {
    money: { type: 'string' },
    map: { type: 'string' },
    delimiter: { type: 'string' },
    dates: { type: 'string' },
    encoding: { type: 'string' },
    format: { type: 'string' },
    'dry-run': { type: 'boolean' },
    'keep-good': { type: 'boolean' },
    rejects: { type: 'string' },
    json: { type: 'boolean' },
  },
  async run(options, files) {
    boundMemory()
    // Calls that are answered on this machine come first.
    setPriority(constants.priority.PRIORITY_LOW)
    const importOptions = readOptions(options, files)
    const config = readConfig(process.env, 'DATABASE_URL')
    if (config.DATABASE_SCHEMA !== 'tratta_jit')
      throw new ConfigError([
        'DATABASE_SCHEMA is not tratta_jit: import loads our own tables, and calls would be answered from others',
      ])
    if (!(await canLoadInto(config))) return fail(NOT_UP_TO_DATE, options)
    const stop = new AbortController()
    void stopSignal().then(() => stop.abort())
    let someRefused = false
    for (const [at, file] of files.entries()) {
      const exitCode = await importOne(config, file, importOptions, options, stop.signal)
      if (exitCode === FAILED && at < files.length - 1)
        printError(
          `Not begun: ${files
            .slice(at + 1)
            .map(nameOf)
            .join(', ')}`,
        )
      if (exitCode === FAILED) return FAILED
      someRefused ||= exitCode === SOME_REJECTED
    }
    return someRefused ? SOME_REJECTED : DONE
  },
}

function readOptions(options: Options, files: string[]): ImportOptions {
  const reading: Reading = {
    ...(options.format !== undefined && { format: oneOf(FORMATS, 'format', options.format) }),
    ...(options.encoding !== undefined && { encoding: oneOf(ENCODINGS, 'encoding', options.encoding) }),
    ...(options.money !== undefined && { money: oneOf(MONEY, 'money', options.money) }),
    ...(options.dates !== undefined && { dates: oneOf(DATES, 'dates', options.dates) }),
    ...(options.delimiter !== undefined && { delimiter: readDelimiter(String(options.delimiter)) }),
    ...(options.map !== undefined && { map: readMap(String(options.map)) }),
  }
  const rejects = options.rejects === undefined ? undefined : String(options.rejects)
  if (options['keep-good'] && rejects === undefined)
    throw new UsageError('--keep-good needs --rejects FILE, where the refused rows are kept')
  if (rejects !== undefined && files.length > 1) throw new UsageError('--rejects takes one FILE at a time')
  if (files.filter((file) => file === '-').length > 1)
    throw new UsageError('Standard input can be read only once')
  return {
    reading,
    dryRun: Boolean(options['dry-run']),
    keepGood: Boolean(options['keep-good']),
    ...(rejects !== undefined && { rejects }),
  }
}

function oneOf<const Value extends string>(values: readonly Value[], option: string, text: unknown): Value {
  const value = values.find((each) => each === text)
  if (value === undefined) throw new UsageError(`--${option} is one of ${values.join(', ')}`)
  return value
}

function readDelimiter(text: string) {
  const delimiter = text === 'tab' ? '\t' : text
  if (!/^[\t\x20-\x7e]$/.test(delimiter) || delimiter === '"')
    throw new UsageError('--delimiter takes one character, or the word tab')
  return delimiter
}

function readMap(path: string): ColumnMap {
  try {
    const map: unknown = JSON.parse(readFileSync(path, 'utf8').replace(/^\ufeff/, ''))
    if (isObject(map) && Object.values(map).every((name) => name === null || typeof name === 'string'))
      return map as ColumnMap
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code) throw new UsageError(`${path} cannot be read (${code})`)
  }
  throw new UsageError(`${path} must be a JSON object, {"Their column": "our_column", "Another": null}`)
}

async function canLoadInto(config: Config<'DATABASE_URL'>) {
  const pool = createPool({ ...config, DATABASE_POOL_SIZE: 1 }, { connectionMs: 30_000, statementMs: 30_000 })
  try {
    return await isUpToDate(pool)
  } finally {
    await pool.end()
  }
}

async function importOne(
  config: Config<'DATABASE_URL'>,
  file: string,
  importOptions: ImportOptions,
  options: Options,
  signal: AbortSignal,
): Promise<number> {
  const name = nameOf(file)
  const asJson = Boolean(options.json)
  const progress = noProgress()
  const endProgress = showImport(name, progress, asJson)
  const begun = performance.now()
  try {
    const imported = await importFile(config.DATABASE_URL, file, importOptions, progress, signal)
    endProgress()
    if (asJson) printJson(importedEvent(name, imported, importOptions, (performance.now() - begun) / 1000))
    else print(importedScreen(name, imported, importOptions))
    if (imported.refused.rows === 0) return DONE
    return imported.isLoaded || importOptions.dryRun ? SOME_REJECTED : FAILED
  } catch (error) {
    endProgress()
    return fail(`${name}: ${explained(error, progress.phase === 'committing', signal)}`, options)
  }
}

/** What went wrong, and how the tables are now. */
function explained(error: unknown, mayBeCommitted: boolean, signal: AbortSignal): string {
  if (error instanceof WrongReading) throw new UsageError(error.message)
  const isOurs = [UnreadableFile, WrongHeader, CannotReject, RefusedByDatabase, ImportUnderWay].some(
    (type) => error instanceof type,
  )
  const message = signal.aborted ? 'Stopped' : isOurs ? (error as Error).message : databaseMessage(error)
  if (message === undefined) throw error
  return mayBeCommitted
    ? `${message}. It may be loaded or not: run it again, what is there already is not changed.`
    : `${message.replace(/\.$/, '')}. Nothing of it is loaded.`
}
