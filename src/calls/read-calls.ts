/** Reads the call log: pages, newest first, and the calls that were stored since an earlier read. */
import type pg from 'pg'

export interface CallRow {
  /** The arrival, by the clock of the replica. */
  time: Date
  request_id: string
  /** As requested; null for an invalid parameter. */
  external_id: string | null
  outcome: string
  /** Null when the client disconnected. */
  status: number | null
  /** Milliseconds from the arrival to the end of the response. */
  ms: number
  /** Milliseconds of waiting for a connection to Postgres. */
  connection_ms: number | null
  /** Milliseconds of the lookup, with the wait for a connection. */
  database_ms: number | null
  /** Host and process id. */
  replica: string
  client: string | null
  /** Cents, as sent. */
  balance: number | null
  current_balance: number | null
  children: number | null
  /** Tratta's names of fields that were not sent, at most 20, without keys of the data. */
  omitted: string[]
  /** The field that cannot be sent, or a SQLSTATE. */
  error: string | null
  /** SHA-256 of the body that was sent, in hex. */
  body_sha256: string | null
}

export interface CallFilter {
  externalId?: string | undefined
  outcome?: string | undefined
  /** Calls that arrived at this time or later. */
  since?: Date | undefined
  /** Calls that took longer than this. */
  slowerThanMs?: number | undefined
}

export interface CallPage {
  limit: number
  /** The last call of the previous page. */
  before?: Pick<CallRow, 'time' | 'request_id'> | undefined
}

const COLUMNS = `time, request_id, external_id, outcome, status, ms, connection_ms, database_ms, replica,
  host(client) as client, balance::float8 as balance, current_balance::float8 as current_balance, children,
  coalesce(omitted, '{}') as omitted, error, encode(body_sha256, 'hex') as body_sha256`

/** @returns the calls of one page, newest first */
export async function readCalls(
  pool: pg.Pool,
  filter: CallFilter,
  { limit, before }: CallPage,
): Promise<CallRow[]> {
  const { conditions, values } = conditionsOf(filter)
  if (before) {
    values.push(before.time, before.request_id)
    conditions.push(`(time, request_id) < ($${values.length - 1}::timestamptz, $${values.length})`)
  }
  const { rows } = await pool.query<CallRow>(
    `select ${COLUMNS} from tratta_jit.calls where ${conditions.join(' and ')}
     order by time desc, request_id desc limit ${Math.trunc(limit)}`,
    values,
  )
  return rows
}

/** @returns undefined when the log does not have the call */
export async function findCall(pool: pg.Pool, requestId: string): Promise<CallRow | undefined> {
  const { rows } = await pool.query<CallRow>(
    `select ${COLUMNS} from tratta_jit.calls where request_id = $1 order by time desc limit 1`,
    [requestId],
  )
  return rows[0]
}

/** What a read of the log saw: a snapshot of Postgres, and its time. */
interface CallCursor {
  snapshot: string
  readAt: Date
}

/** A call is stored at most this long after its arrival. Keeps the calls of a restored backup out. */
const MAX_DELAY = "interval '1 day'"

/** @returns the position at the end of the log, for `readNewCalls` */
export async function endOfCalls(pool: pg.Pool): Promise<CallCursor> {
  const { rows } = await pool.query<CallCursor>(
    'select pg_current_snapshot()::text as snapshot, now() as "readAt"',
  )
  return rows[0]!
}

/**
 * Reads the calls that the read of the cursor did not see, by arrival. Replicas store their calls in batches and out of
 * order, so a time or a number cannot be the position: a snapshot says exactly which transactions a read saw.
 */
export async function readNewCalls(
  pool: pg.Pool,
  filter: CallFilter,
  cursor: CallCursor,
): Promise<{ calls: CallRow[]; cursor: CallCursor }> {
  const { conditions, values } = conditionsOf(filter)
  values.push(cursor.snapshot, cursor.readAt)
  const [snapshot, readAt] = [`$${values.length - 1}::pg_snapshot`, `$${values.length}::timestamptz`]
  const { rows } = await pool.query<CallRow & CallCursor>(
    `select pg_current_snapshot()::text as snapshot, now() as "readAt", call.*
     from (values (1)) as one left join (
       select ${COLUMNS} from tratta_jit.calls
       where ${conditions.join(' and ')} and stored_by >= pg_snapshot_xmin(${snapshot})
         and not pg_visible_in_snapshot(stored_by, ${snapshot}) and time > ${readAt} - ${MAX_DELAY}
     ) as call on true order by time, request_id`,
    values,
  )
  const { snapshot: next, readAt: nextReadAt } = rows[0]!
  return {
    calls: rows.flatMap(({ snapshot: _, readAt: __, ...call }) => (call.request_id === null ? [] : [call])),
    cursor: { snapshot: next, readAt: nextReadAt },
  }
}

function conditionsOf({ externalId, outcome, since, slowerThanMs }: CallFilter) {
  const values: unknown[] = []
  const conditions = ['true']
  const add = (condition: string, value: unknown) => {
    if (value === undefined) return
    values.push(value)
    conditions.push(`${condition} $${values.length}`)
  }
  add('external_id =', externalId)
  add('outcome =', outcome)
  add('time >=', since)
  add('ms >', slowerThanMs)
  return { conditions, values }
}
