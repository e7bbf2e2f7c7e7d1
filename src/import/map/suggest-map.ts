/** Suggests a map for a CSV file. The suggestion has names of columns, never a cell. */
import { UserFacingError } from '../../user-facing-error.ts'
import { createCodec } from '../read/encoding.ts'
import type { FileRecord } from '../read/file-record.ts'
import { columnProblem, uniqueNames } from '../read/header.ts'
import { openFile } from '../read/open-file.ts'
import type { ReadOptions } from '../read/read-options.ts'
import { isData } from '../read/require-header.ts'
import { splitCsv } from '../read/split-csv.ts'
import type { MappedColumn } from './column-map.ts'
import { datesOf, guessColumn, hasDecimals, hasLastNameFirst, type Sample } from './guess-column.ts'

interface SuggestedMap {
  map: {
    columns: Record<string, string | MappedColumn | null>
    join?: Record<string, { columns: string[] }>
    parents?: { column: string; prefix: string }
  }
  /** Of `import`, for this file. */
  options: string[]
  /** What is still to do. */
  notes: string[]
}

const SAMPLE_BYTES = 1024 * 1024
const DELIMITERS = [',', ';', '\t', '|']
const NAME_PARTS = ['first_name', 'middle_name', 'last_name']

/** @throws {UserFacingError} */
export async function suggestMap(
  path: string,
  options: ReadOptions,
  signal: AbortSignal,
): Promise<SuggestedMap> {
  const start = await readStart(path, signal)
  if (/^\s*[[{]/.test(start)) throw new UserFacingError('A map is for CSV files, and this is JSON')
  const delimiter = options.delimiter ?? likelyDelimiter(start, options)
  const samples = samplesOf(start, delimiter, options)
  return suggestFrom(samples, delimiter)
}

async function readStart(path: string, signal: AbortSignal) {
  const { chunks } = await openFile(path, signal)
  let start = ''
  for await (const chunk of chunks) {
    start += chunk
    if (start.length >= SAMPLE_BYTES) break
  }
  return start.replace(/^\u00ef\u00bb\u00bf/, '').replace(/^sep=.\r?\n/i, '')
}

function recordsOf(start: string, delimiter: string, { skipLines, quote }: ReadOptions) {
  const records: FileRecord[] = []
  const splitter = splitCsv({ delimiter, skipLines: skipLines ?? 0, ...(quote && { quote }) }, (record) =>
    records.push(record),
  )
  splitter.write(start.includes('\n') ? start : start.replaceAll('\r', '\n'))
  // The last record can be incomplete.
  if (start.length < SAMPLE_BYTES) splitter.end()
  return records.flatMap(({ fields }) => (fields ? [fields] : []))
}

const likelyDelimiter = (start: string, options: ReadOptions) =>
  DELIMITERS.map((delimiter) => ({
    delimiter,
    columns: recordsOf(start.slice(0, 64 * 1024), delimiter, options)[0]?.length ?? 0,
  })).reduce((best, each) => (each.columns > best.columns ? each : best)).delimiter

function samplesOf(start: string, delimiter: string, options: ReadOptions): Sample[] {
  const { decode } = createCodec(options.encoding ?? 'utf-8')
  const [header, ...rows] = recordsOf(start, delimiter, options)
  if (!header) throw new UserFacingError('The file is empty: it has no header')
  const names = uniqueNames(header.map((name) => decode(name) ?? name))
  const samples = names.map((name, at) => ({
    name,
    cells: rows.map((fields) => fields[at]!.trim()).filter((text) => text !== ''),
  }))
  const dataAt = names.findIndex((name) => name !== '' && isData(name))
  if (
    dataAt !== -1 ||
    !samples.some((sample) => guessColumn(sample).length > 0 || !columnProblem(sample.name))
  )
    throw new UserFacingError(
      `The first line does not seem to be a header${dataAt === -1 ? '' : `: column ${dataAt + 1} can be data`}. If the header is below, use --skip-lines; if there is none, add a line with column names`,
    )
  return samples.filter(({ name }) => name !== '')
}

function suggestFrom(samples: Sample[], delimiter: string): SuggestedMap {
  const byTarget = guessAll(samples)
  const columns: SuggestedMap['map']['columns'] = Object.fromEntries(samples.map(({ name }) => [name, null]))
  for (const [target, sample] of byTarget)
    if (target !== 'group' && !NAME_PARTS.includes(target))
      columns[sample.name] = mappedColumn(target, sample)
  const join = suggestJoins(byTarget)
  const group = byTarget.has('parent_external_id') ? undefined : byTarget.get('group')
  // These columns are not read by themselves.
  const parts = join.customer_name?.columns ?? []
  for (const name of [...parts, group?.name]) if (name !== undefined) delete columns[name]
  const amounts = ['balance', 'current_balance'].flatMap((target) => byTarget.get(target) ?? [])
  const isDollars = amounts.some(hasDecimals)
  return {
    map: {
      columns,
      ...(Object.keys(join).length > 0 && { join }),
      ...(group && { parents: { column: group.name, prefix: 'GROUP-' } }),
    },
    options: [
      `--money ${isDollars ? 'dollars' : 'cents'}`,
      ...(delimiter === ',' ? [] : [`--delimiter ${delimiter === '\t' ? 'tab' : `'${delimiter}'`}`]),
    ],
    notes: [
      ...missingOf(byTarget, join).map((name) => `No column was found for ${name}: complete the map`),
      ...(isDollars ? [] : ['No amount has decimals: use --money dollars if the amounts are whole dollars']),
      ...(group
        ? ['Accounts with the same group number get a new parent account: remove "parents" if not']
        : []),
    ],
  }
}

function guessAll(samples: Sample[]) {
  const byTarget = new Map<string, Sample>()
  for (const sample of samples) {
    const target = columnProblem(sample.name)
      ? guessColumn(sample).find((guess) => !byTarget.has(guess))
      : sample.name
    if (target) byTarget.set(target, sample)
  }
  // A file with one amount has what is placed.
  const amount = byTarget.get('current_balance')
  if (amount && !byTarget.has('balance')) {
    byTarget.set('balance', amount)
    byTarget.delete('current_balance')
  }
  return byTarget
}

function mappedColumn(target: string, sample: Sample): string | MappedColumn {
  const dates = target === 'customer_date_of_birth' ? datesOf(sample) : undefined
  if (dates) return { to: target, dates }
  return target === 'customer_name' && hasLastNameFirst(sample) ? { to: target, name: 'last-first' } : target
}

function suggestJoins(byTarget: Map<string, Sample>) {
  const join: Record<string, { columns: string[] }> = {}
  if (byTarget.has('last_name') && !byTarget.has('customer_name'))
    join.customer_name = { columns: NAME_PARTS.flatMap((part) => byTarget.get(part)?.name ?? []) }
  // A location with only an id would have to be in the tables.
  for (const [target, source] of [
    ['location_external_id', 'location_name'],
    ['location_name', 'location_external_id'],
  ] as const) {
    const sample = byTarget.get(source)
    if (sample && !byTarget.has(target)) join[target] = { columns: [sample.name] }
  }
  return join
}

function missingOf(byTarget: Map<string, Sample>, join: object) {
  const has = (name: string) => byTarget.has(name) || Object.hasOwn(join, name)
  const hasCustomer = [...byTarget.keys(), ...Object.keys(join)].some((name) => name.startsWith('customer_'))
  return [
    ...['external_id', 'balance'].filter((name) => !has(name)),
    ...(hasCustomer ? ['customer_external_id', 'customer_name'].filter((name) => !has(name)) : []),
  ]
}
