/** One file into the tables, in one transaction: staged, judged, merged. */
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { driverUrl } from '../database-url.ts'
import { checkRow } from './check-row.ts'
import { judge } from './judge.ts'
import { analyze, countMerge, type MergeCounts, merge } from './merge.ts'
import { openFile, UnreadableFile } from './open-file.ts'
import { type Reading, type RowReader, rowReader } from './read-rows.ts'
import { countRefused, type Refused } from './refused.ts'
import { mustNotExist, writeRejects } from './rejects.ts'
import { createStaging, type Staging } from './staging.ts'

export interface ImportOptions {
  reading: Reading
  dryRun: boolean
  /** Loads the rows that are good although others are not. */
  keepGood: boolean
  /** Where the refused rows are written. */
  rejects?: string
}

export interface Imported {
  rows: number
  /** Whether the tables have it now. */
  isLoaded: boolean
  refused: Refused
  /** Absent where refused rows kept all of it from being loaded. */
  counts?: MergeCounts
  /** JSON fields without a column of their own, which went to additional_fields. */
  furtherFields: string[]
}

export interface ImportProgress {
  phase: 'waiting' | 'reading' | 'checking' | 'merging' | 'committing'
  rows: number
  refused: number
  /** Bytes of the file, and how many of them are read. */
  size: number | undefined
  read: number
}

/** Another import runs. */
export class ImportUnderWay extends Error {
  override message = 'Another import runs on this database: one at a time'
}

/** Of a program that was killed a moment ago, Postgres may not know it yet. */
const PATIENCE_MS = 3000
const MOST_FURTHER_FIELDS = 20

/**
 * @throws {UnreadableFile} {@link WrongHeader} {@link WrongReading} {@link CannotReject} {@link RefusedByDatabase}
 * {@link ImportUnderWay}: then, as with any other error before the commit, the tables are as before
 */
export async function importFile(
  databaseUrl: string,
  file: string,
  options: ImportOptions,
  progress: ImportProgress,
  signal: AbortSignal,
): Promise<Imported> {
  if (options.rejects !== undefined) await mustNotExist(options.rejects)
  const client = new pg.Client({
    connectionString: driverUrl(databaseUrl),
    application_name: 'tratta-jit import',
    connectionTimeoutMillis: 30_000,
    keepAlive: true,
  })
  // It fails the statement at hand as well.
  client.on('error', () => {})
  const cut = () => {
    // What is being committed may be committed by now.
    if (progress.phase !== 'committing') client.connection.stream.destroy()
  }
  signal.addEventListener('abort', cut)
  try {
    await client.connect()
    await begin(client)
    const staging = await createStaging(client)
    const { reader, ...read } = await stage(file, options, staging, progress, signal)
    progress.phase = 'checking'
    await judge(client)
    const refused = await countRefused(client)
    progress.refused = refused.rows
    if (refused.rows > 0 && options.rejects !== undefined) {
      const { head, lineOf } = reader.rejects()
      await writeRejects(client, options.rejects, head, lineOf)
    }
    if (refused.rows > 0 && !options.keepGood && !options.dryRun) return { ...read, refused, isLoaded: false }
    progress.phase = 'merging'
    if (options.dryRun) return { ...read, refused, isLoaded: false, counts: await countMerge(client) }
    const counts = await merge(client)
    signal.throwIfAborted()
    progress.phase = 'committing'
    await client.query('commit')
    await analyze(client, counts)
    return { ...read, refused, isLoaded: true, counts }
  } finally {
    signal.removeEventListener('abort', cut)
    // Ends the transaction too, where it is still open.
    await client.end().catch(() => {})
  }
}

async function begin(client: pg.Client) {
  // Millions of identifiers are grouped faster by sorting than by hashing what does not fit into memory.
  await client.query(`
    begin;
    set local statement_timeout = 0;
    set local idle_in_transaction_session_timeout = 0;
    set local work_mem = '64MB';
    set local temp_buffers = '32MB';
    set local default_statistics_target = 10;
    set local enable_hashagg = off;`)
  // When we are gone, Postgres ends the statement at hand instead of finishing it for nobody.
  await client.query(
    `select set_config(name, '2s', true) from pg_settings
     where name = 'client_connection_check_interval' and version() ~ 'linux'`,
  )
  for (let waited = 0; ; waited += 200) {
    const { rows } = await client.query(
      "select pg_try_advisory_xact_lock(hashtextextended('tratta_jit.import', 0)) as locked",
    )
    if (rows[0].locked) return
    if (waited >= PATIENCE_MS) throw new ImportUnderWay()
    await pause(200)
  }
}

async function stage(
  file: string,
  { reading, rejects }: ImportOptions,
  staging: Staging,
  progress: ImportProgress,
  signal: AbortSignal,
): Promise<{ reader: RowReader; rows: number; furtherFields: string[] }> {
  const opened = await openFile(file, signal)
  const furtherFields = new Set<string>()
  Object.assign(progress, { phase: 'reading', size: opened.size })
  const open = (begin: string) =>
    rowReader(
      begin,
      reading,
      (record, read) => {
        progress.rows += 1
        const row = Array.isArray(read) ? { faults: read, externalId: null } : read
        const checked = 'accounts' in row ? checkRow(row) : undefined
        const place = { record: progress.rows, line: record.line }
        if (rejects !== undefined) staging.keep(place, record.raw)
        if (checked) return staging.add(place, checked)
        progress.refused += 1
        // An id that is at fault itself may be anything, a name out of a shifted column.
        const isNamed = !row.faults.some(({ field }) => field === 'debt_account.external_id')
        staging.refuse(place, isNamed ? row.externalId : null, row.faults)
      },
      (name) => furtherFields.size < MOST_FURTHER_FIELDS && furtherFields.add(name),
    )

  let reader: RowReader | undefined
  let begin = ''
  for await (const text of opened.texts) {
    progress.read = opened.read
    begin += text
    if (!reader && begin.trim() === '') continue
    reader ??= open(begin)
    reader.write(begin)
    begin = ''
    await staging.send()
  }
  if (!reader) throw new UnreadableFile('It is empty')
  reader.end()
  await staging.end()
  return { reader, rows: progress.rows, furtherFields: [...furtherFields] }
}
