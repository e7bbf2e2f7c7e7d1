/**
 * Where a file stands in Postgres before it is merged: temporary tables of one transaction. Whatever ends the
 * program or the connection, Postgres drops them, and nobody else ever sees them.
 */
import { finished } from 'node:stream/promises'
import pg from 'pg'
import copyStreams from 'pg-copy-streams'
import type { CheckedRow } from './check-row.ts'
import { type CopiedRow, copied, TABLES, type Table } from './copied-row.ts'
import { CopyLines } from './copy-lines.ts'
import type { Fault } from './faults.ts'

// `record` counts the rows of the file: in JSON several may stand in a line.
// Columns of the tables' own types: COPY checks them while the file is still being read.
const CREATE = `
  create temporary table staged_locations (record bigint, line bigint, given integer, like tratta_jit.locations) on commit drop;
  create temporary table staged_customers (record bigint, line bigint, given integer, like tratta_jit.customers) on commit drop;
  create temporary table staged_debt_accounts (record bigint, line bigint, given integer, like tratta_jit.debt_accounts) on commit drop;
  create temporary table staged_references (record bigint, line bigint, resource text, external_id text) on commit drop;
  create temporary table refused (record bigint, line bigint, external_id text, kind text, what text, also bigint) on commit drop;
  create temporary table as_it_came (record bigint, bytes bytea) on commit drop;`

type Staged =
  | 'staged_locations'
  | 'staged_customers'
  | 'staged_debt_accounts'
  | 'staged_references'
  | 'refused'
  | 'as_it_came'

/** A row that passed our checks and not those of the tables. Its message holds no value. */
export class RefusedByDatabase extends Error {}

/** Which row of the file it is, from 1, and in which line. */
export interface Place {
  record: number
  line: number
}

export interface Staging {
  add(place: Place, row: CheckedRow): void
  refuse(place: Place, externalId: string | null, faults: Fault[]): void
  keep(place: Place, raw: string): void
  /** Sends what there is, if that is worth while, and waits for what was sent before. */
  send(): Promise<void>
  /** All of it is in Postgres. */
  end(): Promise<void>
}

/** Each answer of Postgres waits until we have done with a piece of the file, and there are several for a batch. */
const WORTH_SENDING = 4 * 1024 * 1024
/** Of so many customers and locations it is known what was staged of them last: most stand on rows nearby. */
const REMEMBERED = 1000

type Batch = Map<Staged, CopyLines>

export async function createStaging(client: pg.Client): Promise<Staging> {
  await client.query(CREATE)
  let lines: Batch = new Map()
  let sent: Batch = new Map()
  let size = 0
  let underWay: Promise<void> = Promise.resolve()
  const lastCustomers = new Map<string, CopiedRow>()
  const lastLocations = new Map<string, CopiedRow>()

  function put(table: Staged, line: string) {
    size += line.length
    const of = lines.get(table) ?? new CopyLines()
    lines.set(table, of)
    of.add(line)
  }

  function putOnce(table: Staged, place: string, row: CopiedRow, last: Map<string, CopiedRow>) {
    const before = last.get(row.external_id)
    if (before === row || before?.columns === row.columns) return
    if (last.size >= REMEMBERED) last.clear()
    last.set(row.external_id, row)
    put(table, `${place}\t${row.columns}\n`)
  }

  async function copyAll(batch: Batch) {
    for (const [table, rows] of batch) {
      await copyIn(client, table, rows.bytes())
      rows.clear()
    }
  }

  const staging: Staging = {
    add({ record, line }, { accounts, customer, location, references }) {
      const place = `${record}\t${line}`
      for (const account of accounts) put('staged_debt_accounts', `${place}\t${account.columns}\n`)
      if (customer) putOnce('staged_customers', place, customer, lastCustomers)
      if (location) putOnce('staged_locations', place, location, lastLocations)
      for (const { of, external_id } of references)
        put('staged_references', `${place}\t${of}\t${copied(external_id)}\n`)
    },
    refuse({ record, line }, externalId, faults) {
      const id = copied(externalId?.replaceAll(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '?').slice(0, 255))
      for (const { kind, what, also } of faults)
        put('refused', `${[record, line, id, copied(kind), copied(what), copied(also)].join('\t')}\n`)
    },
    keep({ record }, raw) {
      put('as_it_came', `${record}\t\\\\x${Buffer.from(raw, 'latin1').toString('hex')}\n`)
    },
    async send() {
      if (size < WORTH_SENDING) return
      await underWay
      ;[lines, sent] = [sent, lines]
      size = 0
      underWay = copyAll(sent)
      // Whoever waits for it next gets the error.
      underWay.catch(() => {})
    },
    async end() {
      await underWay
      await copyAll(lines)
      await client.query(
        'analyze staged_locations, staged_customers, staged_debt_accounts, staged_references, refused, as_it_came',
      )
    },
  }
  return staging
}

async function copyIn(client: pg.Client, table: string, rows: Buffer) {
  if (rows.length === 0) return
  // Frozen, so that nobody has to look whether a row is visible: the table is of this transaction.
  const copy = client.query(copyStreams.from(`copy ${table} ${columnsOf(table)} from stdin with (freeze)`))
  copy.end(rows)
  try {
    await finished(copy)
  } catch (error) {
    throw refusedRow(error, rows) ?? error
  }
}

/** Our tables may have got further columns from somebody else. */
function columnsOf(table: string) {
  const of = TABLES[table.replace('staged_', '') as Table]
  return of ? `(record, line, given, ${Object.keys(of).join(', ')})` : ''
}

/** Classes 22 and 23: a value that is none, or a rule of the table. */
function refusedRow(error: unknown, rows: Buffer) {
  if (!(error instanceof pg.DatabaseError) || !/^2[23]/.test(error.code ?? '')) return undefined
  const at = Number(/, line (\d+)/.exec(error.where ?? '')?.[1])
  const line = rows.toString().split('\n')[at - 1]?.split('\t')[1] ?? '?'
  const rule = error.constraint ?? error.column ?? error.dataType ?? error.code
  return new RefusedByDatabase(`Line ${line}: the database refuses this row, by its rule ${rule}`)
}
