/** The record of reads of accounts by people, in `tratta_jit.reads`. */
import { hostname, userInfo } from 'node:os'
import type pg from 'pg'

export interface ReadRow {
  time: Date
  /** The user of the operating system, or of the console. */
  user_name: string
  database_user: string
  host: string
  command: string
  /** Null when the command reads many accounts. */
  external_id: string | null
  /** What Tratta did, for a trigger. */
  result: string | null
}

export interface NewRead {
  /** Default: the user of the operating system. */
  user?: string
  command: string
  externalId?: string | undefined
  result?: string | undefined
}

/** @throws the error of Postgres, for example when the user may not insert into `tratta_jit.reads` */
export async function recordRead(pool: pg.Pool, { user, command, externalId, result }: NewRead) {
  await pool.query(
    'insert into tratta_jit.reads (user_name, host, command, external_id, result) values ($1, $2, $3, $4, $5)',
    [user ?? systemUser(), hostname(), command, externalId ?? null, result ?? null],
  )
}

interface ReadFilter {
  externalId?: string | undefined
  since?: Date | undefined
}

/** @returns the reads, newest first */
export async function readReads(
  pool: pg.Pool,
  { externalId, since }: ReadFilter,
  limit: number,
): Promise<ReadRow[]> {
  const { rows } = await pool.query<ReadRow>(
    `select time, user_name, database_user, host, command, external_id, result from tratta_jit.reads
     where ($1::text is null or external_id = $1) and ($2::timestamptz is null or time >= $2)
     order by time desc limit ${Math.trunc(limit)}`,
    [externalId ?? null, since ?? null],
  )
  return rows
}

/** A container may run as a user id without a name. */
function systemUser(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}
