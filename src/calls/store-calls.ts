/** Writes `tratta_jit.calls`. */
import type pg from 'pg'
import { boundedQuery } from '../database/batched-query.ts'

/** A row of `tratta_jit.calls`, by column (migrations/0004-calls.sql). */
export interface NewCall {
  time: Date
  request_id: string
  external_id: string | null
  outcome: string
  status: number | null
  ms: number
  connection_ms?: number | undefined
  database_ms?: number | undefined
  replica: string
  client: string | null
  balance?: number | undefined
  current_balance?: number | undefined
  children?: number | undefined
  omitted?: string[] | undefined
  error?: string | undefined
  /** `\x` and hex. */
  body_sha256?: string | undefined
}

const COLUMNS = `time, request_id, external_id, outcome, status, ms, connection_ms, database_ms, replica, client,
  balance, current_balance, children, omitted, error, body_sha256`

/** One parameter: JSON costs less CPU here than an array for each column. */
const INSERT = `insert into tratta_jit.calls (${COLUMNS})
  select ${COLUMNS} from json_populate_recordset(null::tratta_jit.calls, $1) on conflict do nothing`

const QUERY_MS = 5000

/** Calls that are already stored are ignored: an attempt whose result is unknown can be repeated. */
export async function storeCalls(pool: pg.Pool, calls: NewCall[]): Promise<void> {
  await boundedQuery(pool, { text: INSERT }, [JSON.stringify(calls)], { queryMs: QUERY_MS })
}

/** Creates the partitions of the next weeks, and drops those whose calls are all older. */
export async function maintainCalls(pool: pg.Pool, days: number): Promise<void> {
  await boundedQuery(pool, { text: 'select tratta_jit.maintain_calls($1::integer)' }, [String(days)], {
    queryMs: QUERY_MS,
  })
}

interface AccessRow {
  user: string
  is_read_only: boolean
  /** Null when the table does not exist. */
  is_allowed: boolean | null
}

const ACCESS = `
  select quote_ident(current_user) as "user", current_setting('transaction_read_only')::bool as is_read_only,
    (select has_schema_privilege(schema.oid, 'usage') and has_table_privilege(calls.oid, 'insert')
        and has_table_privilege(calls.oid, 'delete')
      from pg_class as calls join pg_namespace as schema on schema.oid = relnamespace
      where nspname = 'tratta_jit' and relname = 'calls') as is_allowed`

/** @returns why the database does not take calls, and the next step; undefined when it does */
export async function findStoreProblem(
  pool: pg.Pool,
): Promise<{ message: string; remedy: string } | undefined> {
  const rows = await boundedQuery<AccessRow>(pool, { text: ACCESS }, [], { queryMs: QUERY_MS })
  const { user, is_read_only, is_allowed } = rows[0]!
  if (is_allowed === null)
    return { message: 'the table tratta_jit.calls does not exist', remedy: 'run `tratta-jit migrate`' }
  if (!is_allowed)
    return {
      message: `${user} may not insert into and delete from tratta_jit.calls`,
      remedy: `grant usage on schema tratta_jit to ${user}; grant select, insert, delete on tratta_jit.calls to ${user}`,
    }
  if (is_read_only) return { message: 'the database is read-only', remedy: 'set DATABASE_URL to the primary' }
  return undefined
}
