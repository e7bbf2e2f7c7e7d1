import { readFileSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { boundMemory } from '../bound-memory.ts'
import { type Config, readConfig, WrongSettings } from '../config.ts'
import { isOfDatabase } from '../database/is-of-database.ts'
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
import {
  type Command,
  DONE,
  databaseFault,
  FAILED,
  fail,
  type Given,
  NOT_UP_TO_DATE,
  print,
  printJson,
  SOME_REFUSED,
  stopSignal,
  WrongUse,
} from './command.ts'

export const importCommand: Command = {
  takes: ['FILE…'],
  does: "loads accounts from CSV, NDJSON or JSON in Tratta's bulk shape; - is standard input (docs/import.md)",
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
  async run(given, files) {
    boundMemory()
    // Calls that are answered on this machine come first.
    setPriority(constants.priority.PRIORITY_LOW)
    const options = readOptions(given, files)
    const config = readConfig(process.env, 'DATABASE_URL')
    if (config.DATABASE_SCHEMA !== 'tratta_jit')
      throw new WrongSettings([
        'DATABASE_SCHEMA is not tratta_jit: import loads our own tables, and calls would be answered from others',
      ])
    if (!(await canLoadInto(config))) return fail(NOT_UP_TO_DATE, given)
    const stop = new AbortController()
    void stopSignal().then(() => stop.abort())
    let someRefused = false
    for (const [at, file] of files.entries()) {
      const exitCode = await importOne(config, file, options, given, stop.signal)
      if (exitCode === FAILED && at < files.length - 1)
        process.stderr.write(
          `Not begun: ${files
            .slice(at + 1)
            .map(nameOf)
            .join(', ')}\n`,
        )
      if (exitCode === FAILED) return FAILED
      someRefused ||= exitCode === SOME_REFUSED
    }
    return someRefused ? SOME_REFUSED : DONE
  },
}

function readOptions(given: Given, files: string[]): ImportOptions {
  const reading: Reading = {
    ...(given.format !== undefined && { format: oneOf(FORMATS, 'format', given.format) }),
    ...(given.encoding !== undefined && { encoding: oneOf(ENCODINGS, 'encoding', given.encoding) }),
    ...(given.money !== undefined && { money: oneOf(MONEY, 'money', given.money) }),
    ...(given.dates !== undefined && { dates: oneOf(DATES, 'dates', given.dates) }),
    ...(given.delimiter !== undefined && { delimiter: readDelimiter(String(given.delimiter)) }),
    ...(given.map !== undefined && { map: readMap(String(given.map)) }),
  }
  const rejects = given.rejects === undefined ? undefined : String(given.rejects)
  if (given['keep-good'] && rejects === undefined)
    throw new WrongUse('--keep-good needs --rejects FILE, where the refused rows are kept')
  if (rejects !== undefined && files.length > 1) throw new WrongUse('--rejects takes one FILE at a time')
  if (files.filter((file) => file === '-').length > 1)
    throw new WrongUse('Standard input can be read only once')
  return {
    reading,
    dryRun: Boolean(given['dry-run']),
    keepGood: Boolean(given['keep-good']),
    ...(rejects !== undefined && { rejects }),
  }
}

function oneOf<const Value extends string>(values: readonly Value[], option: string, given: unknown): Value {
  const value = values.find((each) => each === given)
  if (value === undefined) throw new WrongUse(`--${option} is one of ${values.join(', ')}`)
  return value
}

function readDelimiter(given: string) {
  const delimiter = given === 'tab' ? '\t' : given
  if (!/^[\t\x20-\x7e]$/.test(delimiter) || delimiter === '"')
    throw new WrongUse('--delimiter takes one character, or the word tab')
  return delimiter
}

function readMap(path: string): ColumnMap {
  try {
    const map: unknown = JSON.parse(readFileSync(path, 'utf8').replace(/^\ufeff/, ''))
    if (isObject(map) && Object.values(map).every((name) => name === null || typeof name === 'string'))
      return map as ColumnMap
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code) throw new WrongUse(`${path} cannot be read (${code})`)
  }
  throw new WrongUse(`${path} must be a JSON object, {"Their column": "our_column", "Another": null}`)
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
  options: ImportOptions,
  given: Given,
  signal: AbortSignal,
): Promise<number> {
  const name = nameOf(file)
  const asJson = Boolean(given.json)
  const progress = noProgress()
  const endProgress = showImport(name, progress, asJson)
  const begun = performance.now()
  try {
    const imported = await importFile(config.DATABASE_URL, file, options, progress, signal)
    endProgress()
    if (asJson) printJson(importedEvent(name, imported, options, (performance.now() - begun) / 1000))
    else print(importedScreen(name, imported, options))
    if (imported.refused.rows === 0) return DONE
    return imported.isLoaded || options.dryRun ? SOME_REFUSED : FAILED
  } catch (error) {
    endProgress()
    return fail(`${name}: ${explained(error, progress.phase === 'committing', signal)}`, given)
  }
}

/** What went wrong, and how the tables are now. */
function explained(error: unknown, mayBeCommitted: boolean, signal: AbortSignal): string {
  if (error instanceof WrongReading) throw new WrongUse(error.message)
  const isOurs = [UnreadableFile, WrongHeader, CannotReject, RefusedByDatabase, ImportUnderWay].some(
    (type) => error instanceof type,
  )
  const message = signal.aborted
    ? 'Stopped'
    : isOurs
      ? (error as Error).message
      : isOfDatabase(error)
        ? databaseFault(error)
        : undefined
  if (message === undefined) throw error
  return mayBeCommitted
    ? `${message}. It may be loaded or not: run it again, what is there already is not changed.`
    : `${message.replace(/\.$/, '')}. Nothing of it is loaded.`
}
