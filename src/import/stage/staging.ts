/**
 * The temporary tables that hold a file until it is merged. Postgres drops them when their
 * transaction ends, and no other session sees them.
 */
import { finished } from 'node:stream/promises'
import pg from 'pg'
import copyStreams from 'pg-copy-streams'
import { UserFacingError } from '../../user-facing-error.ts'
import type { RowError } from '../row-error.ts'
import type { ValidRow } from '../validate/validate-row.ts'
import { CopyBuffer, columnsOf, type EncodedRow, encodeLine } from './copy-encoding.ts'
import { decodeFileLine } from './file-line.ts'

// `record` counts the rows of the files: several JSON records can be in one line. `present`: see `presentBit`.
// The columns have the types of the tables, so that COPY checks them while the file is being read.
const CREATE = `
  create temporary table staged_locations (record bigint, line bigint, present integer, like tratta_jit.locations) on commit drop;
  create temporary table staged_customers (record bigint, line bigint, present integer, like tratta_jit.customers) on commit drop;
  create temporary table staged_debt_accounts (record bigint, line bigint, present integer, like tratta_jit.debt_accounts) on commit drop;
  create temporary table staged_references (record bigint, line bigint, resource text, external_id text, is_optional boolean) on commit drop;
  create temporary table rows_without_account (record bigint) on commit drop;
  create temporary table rejected (record bigint, line bigint, external_id text, reason text, field text, field_kind text, other_line bigint) on commit drop;
  create temporary table raw_records (record bigint, bytes bytea) on commit drop;`

const STAGED_COLUMNS = ['record', 'line', 'present']
/** The tables can have further columns that are not ours, so the columns are named. */
const COPY_COLUMNS = {
  staged_locations: [...STAGED_COLUMNS, ...columnsOf('locations')],
  staged_customers: [...STAGED_COLUMNS, ...columnsOf('customers')],
  staged_debt_accounts: [...STAGED_COLUMNS, ...columnsOf('debt_accounts')],
  staged_references: ['record', 'line', 'resource', 'external_id', 'is_optional'],
  rows_without_account: ['record'],
  rejected: ['record', 'line', 'external_id', 'reason', 'field', 'field_kind', 'other_line'],
  raw_records: ['record', 'bytes'],
}
type StagingTable = keyof typeof COPY_COLUMNS

interface Position {
  /** The number of the row, from 1, over all files. */
  record: number
  /** From 1, with the index of the file: see `encodeFileLine`. */
  line: number
}

export interface Staging {
  add(position: Position, row: ValidRow): void
  reject(position: Position, externalId: string | null, errors: RowError[]): void
  keepRaw(position: Position, raw: string): void
  /** Starts to send the rows if there are enough, after the previous batch is sent. */
  flush(): Promise<void>
  /** Sends all rows. */
  end(): Promise<void>
}

/** Postgres answers several statements per batch, and each answer waits until a chunk of the file is processed. */
const FLUSH_THRESHOLD = 4 * 1024 * 1024
/** Rows of one customer or location are usually near to each other. */
const MAX_REMEMBERED = 1000

type Batch = Map<StagingTable, CopyBuffer>

/** @param files for error messages */
export async function createStaging(client: pg.Client, files: { name: string }[]): Promise<Staging> {
  await client.query(CREATE)
  let pending: Batch = new Map()
  let sending: Batch = new Map()
  let size = 0
  let sent: Promise<void> = Promise.resolve()
  const lastCustomers = new Map<string, EncodedRow>()
  const lastLocations = new Map<string, EncodedRow>()

  function put(table: StagingTable, line: string) {
    size += line.length
    const buffer = pending.get(table) ?? new CopyBuffer()
    pending.set(table, buffer)
    buffer.add(line)
  }

  function putOnce(table: StagingTable, prefix: string, row: EncodedRow, last: Map<string, EncodedRow>) {
    const previous = last.get(row.external_id)
    if (previous === row || previous?.line === row.line) return
    if (last.size >= MAX_REMEMBERED) last.clear()
    last.set(row.external_id, row)
    put(table, `${prefix}${row.line}\n`)
  }

  async function copyAll(batch: Batch) {
    for (const [table, buffer] of batch) {
      await copyIn(client, table, buffer.bytes(), files)
      buffer.clear()
    }
  }

  return {
    add({ record, line }, { accounts, customer, location, references }) {
      const prefix = `${record}\t${line}\t`
      for (const account of accounts) put('staged_debt_accounts', `${prefix}${account.line}\n`)
      if (accounts.length === 0) put('rows_without_account', `${record}\n`)
      if (customer) putOnce('staged_customers', prefix, customer, lastCustomers)
      if (location) putOnce('staged_locations', prefix, location, lastLocations)
      for (const { resource, external_id, isOptional } of references)
        put('staged_references', encodeLine([record, line, resource, external_id, String(isOptional)]))
    },
    reject({ record, line }, externalId, errors) {
      const id = externalId?.replaceAll(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '?').slice(0, 255)
      for (const { reason, field, fieldKind, otherLine } of errors)
        put('rejected', encodeLine([record, line, id, JSON.stringify(reason), field, fieldKind, otherLine]))
    },
    keepRaw({ record }, raw) {
      put('raw_records', `${record}\t\\\\x${Buffer.from(raw, 'latin1').toString('hex')}\n`)
    },
    async flush() {
      if (size < FLUSH_THRESHOLD) return
      await sent
      ;[pending, sending] = [sending, pending]
      size = 0
      sent = copyAll(sending)
      // The next `await sent` throws the error.
      sent.catch(() => {})
    },
    async end() {
      await sent
      await copyAll(pending)
      await client.query(`analyze ${Object.keys(COPY_COLUMNS).join(', ')}`)
    },
  }
}

async function copyIn(client: pg.Client, table: StagingTable, rows: Buffer, files: { name: string }[]) {
  if (rows.length === 0) return
  // `freeze` avoids visibility checks. It needs a table that this transaction created.
  const copy = client.query(
    copyStreams.from(`copy ${table} (${COPY_COLUMNS[table].join(', ')}) from stdin with (freeze)`),
  )
  copy.end(rows)
  try {
    await finished(copy)
  } catch (error) {
    throw constraintError(error, rows, files) ?? error
  }
}

/** SQLSTATE classes 22 and 23: an invalid value, or a constraint. */
function constraintError(error: unknown, rows: Buffer, files: { name: string }[]) {
  if (!(error instanceof pg.DatabaseError) || !/^2[23]/.test(error.code ?? '')) return undefined
  const row = Number(/, line (\d+)/.exec(error.where ?? '')?.[1])
  const fileLine = Number(rows.toString().split('\n')[row - 1]?.split('\t')[1])
  const { file, line } = decodeFileLine(fileLine)
  const place = files.length > 1 ? `${line} of ${files[file]?.name}` : line
  const rule = error.constraint ?? error.column ?? error.dataType ?? error.code
  return new UserFacingError(`Line ${place}: the database rejects this row by its rule ${rule}`)
}
