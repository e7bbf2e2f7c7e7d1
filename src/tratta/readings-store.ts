/** All SQL that reads or writes `tratta_jit.readings`. */
import pg from 'pg'
import { VERSION } from '../version.ts'

export interface StoredReading {
  /** The experiment. */
  name: string
  value: string
  result: 'as_assumed' | 'differs' | 'unsupported'
  found: string
  /** What follows from a difference. */
  effect: string | null
  learnedAt: Date
  version: string
}

/**
 * `probe` runs against a sandbox, so production uses what was found out about the sandbox of the same organization.
 * @returns an empty list before the migration and without the privilege to read the table
 */
export async function readStoredReadings(pool: pg.Pool, apiUrl: string): Promise<StoredReading[]> {
  try {
    const { rows } = await pool.query<StoredReading>(
      `select distinct on (name) name, value, result, found, effect, learned_at as "learnedAt", version
       from tratta_jit.readings where api_url in ($1, $2) order by name, api_url = $1 desc`,
      [apiUrl, apiUrl.replace('.production.', '.sandbox.')],
    )
    return rows
  } catch (error) {
    if (error instanceof pg.DatabaseError && ABSENT.includes(error.code ?? '')) return []
    throw error
  }
}

/** undefined_table, invalid_schema_name, insufficient_privilege */
const ABSENT = ['42P01', '3F000', '42501']

export async function storeReading(
  pool: pg.Pool,
  apiUrl: string,
  { name, value, result, found, effect }: Omit<StoredReading, 'learnedAt' | 'version'>,
): Promise<void> {
  await pool.query(
    `insert into tratta_jit.readings (api_url, name, value, result, found, effect, version)
     values ($1, $2, $3, $4, $5, $6, $7)
     on conflict (api_url, name) do update set (value, result, found, effect, version, learned_at) =
       (excluded.value, excluded.result, excluded.found, excluded.effect, excluded.version, now())`,
    [apiUrl, name, value, result, found, effect, VERSION],
  )
}
