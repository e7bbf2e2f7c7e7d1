/** The options of `import`. */
import { basename } from 'node:path'
import type { ImportOptions } from '../import/import-result.ts'
import { readMapFile } from '../import/map/read-map-file.ts'
import { ENCODINGS } from '../import/read/encoding.ts'
import { displayName } from '../import/read/open-file.ts'
import { DATES } from '../import/read/read-date.ts'
import { MONEY } from '../import/read/read-money.ts'
import { FORMATS, QUOTES, type ReadOptions } from '../import/read/read-options.ts'
import { ABSENT } from '../import/stage/absent.ts'
import type { InputFile } from '../import/stage-files.ts'
import { printError, printJson } from '../terminal/output.ts'
import { UsageError } from '../user-facing-error.ts'
import type { Options } from './command.ts'

/** @throws {UsageError} */
export function readOptions(options: Options): ReadOptions {
  const { format, encoding, money, dates, delimiter, quote } = options
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
  }
}

/** @throws {UsageError} */
export function inputFiles(options: Options, files: string[]): InputFile[] {
  const read = readOptions(options)
  const maps = readMaps(options, files)
  const isMapShared = maps.length === 1 && files.length > 1
  return files.map((path, at) => {
    const map = maps[isMapShared ? 0 : at]
    return { path, name: displayName(path), read: { ...read, ...(map && { map, isMapShared }) } }
  })
}

/** @throws {UsageError} */
function readMaps({ map }: Options, files: string[]) {
  const paths = Array.isArray(map) ? map : []
  if (paths.length > 1 && paths.length !== files.length)
    throw new UsageError('--map must be given once, or once for each FILE, in the same order')
  return paths.map(readMapFile)
}

/** @throws {UsageError} */
export function importOptions(options: Options, files: string[]): ImportOptions {
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
