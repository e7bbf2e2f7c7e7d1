import { readConfig } from '../config.ts'
import { type MigrationStatus, migrate, migrationStatus } from '../database/migrate.ts'
import { createPool } from '../database/pool.ts'
import { print, printJson } from '../terminal/output.ts'
import { showWaiting } from '../terminal/progress.ts'
import { DONE, type Options } from './command.ts'

export async function migrateCommand(options: Options): Promise<number> {
  const config = readConfig(process.env, 'DATABASE_URL')
  const pool = createPool(config, { connectionMs: 10_000, statementMs: 0 })
  try {
    if (options.status) {
      for (const migration of await migrationStatus(pool))
        if (options.json) await printJson(migration)
        else await print(statusLine(migration))
      return DONE
    }
    const names = await showWaiting(Boolean(options.json), 'Migrating', () => migrate(pool))
    if (options.json) await printJson({ migrated: names })
    else await print(names.length > 0 ? `Migrated: ${names.join(', ')}` : 'Nothing to migrate')
    return DONE
  } finally {
    await pool.end()
  }
}

function statusLine({ name, executed_at, unknown }: MigrationStatus) {
  return `${name}  ${executed_at ?? 'pending'}${unknown ? '  (by a newer version of the program)' : ''}`
}
