/** Runs the numbered files of migrations/ once and in order, with Kysely's Migrator. */
import { readdir, readFile } from 'node:fs/promises'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import type pg from 'pg'

/** The schema of all tables that the service owns. The relations that it reads may be in another schema. */
const SCHEMA = 'tratta_jit'
const FOLDER = new URL('../../migrations/', import.meta.url)

export interface MigrationStatus {
  name: string
  /** ISO 8601; absent when the migration has not run. */
  executed_at?: string
  /** Whether a newer version of the program ran the migration. */
  unknown?: true
}

const isRun = ({ executed_at }: MigrationStatus) => executed_at !== undefined

/** Whether all migrations have run. */
export const isUpToDate = async (pool: pg.Pool): Promise<boolean> =>
  (await migrationStatus(pool)).every(isRun)

/** Runs the missing migrations. A second program that does so at the same time waits for the first. */
export async function migrate(pool: pg.Pool): Promise<string[]> {
  const db = new Kysely<MigrationTable>({ dialect: new PostgresDialect({ pool }) })
  const status = await migrationStatus(pool)
  // An older program has nothing to do next to a newer one, as in a rolling upgrade.
  if (status.some((migration) => migration.unknown)) return []
  // The lock belongs to the session. Behind PgBouncer in transaction mode it can stay with a session that
  // this program no longer uses. So it is only taken when a migration must run.
  if (status.every(isRun)) return []
  const { error, results } = await migrator(db).migrateToLatest()
  if (error) throw error
  return results?.map((result) => result.migrationName) ?? []
}

/** Returns the status of each migration. Creates nothing, and needs no write privilege. */
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
          // A migration has no time limit, even when the role has a statement_timeout.
          await sql`set local statement_timeout = 0`.execute(db)
          await sql.raw(statements).execute(db)
        },
      }
    }
    return migrations
  }
  return new Migrator({ db, provider: { getMigrations }, migrationTableSchema: SCHEMA })
}

/** The migrations of this version of the program, in order. */
export async function migrationNames(): Promise<string[]> {
  const files = await readdir(FOLDER)
  return files.flatMap((file) => (file.endsWith('.sql') ? file.slice(0, -4) : [])).sort()
}
