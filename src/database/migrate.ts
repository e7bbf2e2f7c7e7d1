/** The numbered files of migrations/, run once each and in order by Kysely's Migrator. */
import { readdir, readFile } from 'node:fs/promises'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import type pg from 'pg'

/** Everything that the service owns stands here; the relations that it reads may stand elsewhere. */
const SCHEMA = 'tratta_jit'
const FOLDER = new URL('../../migrations/', import.meta.url)

export interface MigrationStatus {
  name: string
  /** ISO 8601; absent when it is still to be run. */
  executed_at?: string
  /** Run by a newer version of the program, which this one does not know. */
  unknown?: true
}

const isRun = ({ executed_at }: MigrationStatus) => executed_at !== undefined

/** Whether nothing is left to be run. */
export const isUpToDate = async (pool: pg.Pool): Promise<boolean> =>
  (await migrationStatus(pool)).every(isRun)

/** Runs what is to be run. Of two programs that do so at once, the second waits and finds it done. */
export async function migrate(pool: pg.Pool): Promise<string[]> {
  const db = new Kysely<MigrationTable>({ dialect: new PostgresDialect({ pool }) })
  const status = await migrationStatus(pool)
  // An older program beside a newer one, as in a rolling upgrade, has nothing to do.
  if (status.some((migration) => migration.unknown)) return []
  // The lock is the session's, and behind PgBouncer in transaction mode it may stay with a session that is no
  // longer ours. Where there is nothing to run, nobody needs it.
  if (status.every(isRun)) return []
  const { error, results } = await migrator(db).migrateToLatest()
  if (error) throw error
  return results?.map((result) => result.migrationName) ?? []
}

/** Only tells: creates nothing, needs no right to write. */
export async function migrationStatus(pool: pg.Pool): Promise<MigrationStatus[]> {
  const db = new Kysely<MigrationTable>({ dialect: new PostgresDialect({ pool }) })
  const known = await migrationNames()
  const { rows } = await sql<{ exists: boolean }>`
    select to_regclass(${`${SCHEMA}.kysely_migration`}) is not null as exists`.execute(db)
  const executed = rows[0]?.exists
    ? await db.withSchema(SCHEMA).selectFrom('kysely_migration').selectAll().orderBy('name').execute()
    : []
  const timeOf = new Map(executed.map(({ name, timestamp }) => [name, timestamp]))
  const unknown = executed.filter(({ name }) => !known.includes(name))
  return [
    ...known.map((name) => ({ name, ...(timeOf.has(name) && { executed_at: timeOf.get(name)! }) })),
    ...unknown.map(({ name, timestamp }) => ({ name, executed_at: timestamp, unknown: true as const })),
  ]
}

interface MigrationTable {
  kysely_migration: { name: string; timestamp: string }
}

function migrator(db: Kysely<MigrationTable>) {
  const getMigrations = async () => {
    const migrations: Record<string, Migration> = {}
    for (const name of await migrationNames()) {
      const statements = await readFile(new URL(`${name}.sql`, FOLDER), 'utf8')
      migrations[name] = {
        up: async (db) => {
          // It takes as long as it takes, whatever the role may.
          await sql`set local statement_timeout = 0`.execute(db)
          await sql.raw(statements).execute(db)
        },
      }
    }
    return migrations
  }
  return new Migrator({ db, provider: { getMigrations }, migrationTableSchema: SCHEMA })
}

/** Of this version of the program, in their order. */
export async function migrationNames(): Promise<string[]> {
  const files = await readdir(FOLDER)
  return files.flatMap((file) => (file.endsWith('.sql') ? file.slice(0, -4) : [])).sort()
}
