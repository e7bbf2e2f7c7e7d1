/** From settings to a service that answers: database, migrations, ports, and then Tratta is told. */
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import type { Config } from './config.ts'
import { accountStatement, findAccount } from './database/find-account.ts'
import { migrate } from './database/migrate.ts'
import { createPool } from './database/pool.ts'
import { describeError, type Log } from './log.ts'
import { createNotesReader } from './read-notes.ts'
import { type Responder, startResponder } from './responder/responder.ts'
import { type Registration, registerInBackground } from './tratta/registration.ts'

/** Something that stops the start, told to a person. */
export class StartupError extends Error {}

const DATABASE_PATIENCE_MS = 60_000
const PAUSE_MS = 1000

export async function serve(
  config: Config<'DATABASE_URL' | 'JIT_SECRET'>,
  log: Log,
  { migrateFirst }: { migrateFirst: boolean },
): Promise<Responder> {
  const started = performance.now()
  await prepareDatabase(config, log, migrateFirst)
  let registration: Registration | undefined
  const responder = await startResponder(config, log, {
    registration: () => registration?.state ?? 'pending',
    notes: createNotesReader(config),
  })
  log.info({
    event: 'serving',
    port: Number(new URL(responder.url).port),
    admin_port: Number(new URL(responder.adminUrl).port),
    ms: Math.round(performance.now() - started),
  })
  // Last, because Tratta may call at once.
  registration = registerInBackground(config, log)
  return {
    ...responder,
    async stop(announceMs) {
      await Promise.all([registration?.stop(), responder.stop(announceMs)])
    },
  }
}

/** @throws {StartupError} when it stays away, or holds something else than what the lookup reads. */
async function prepareDatabase(config: Config<'DATABASE_URL'>, log: Log, migrateFirst: boolean) {
  // Of its own, because a migration may take longer than a call.
  const pool = createPool(config, { connectionMs: 5000, statementMs: 0 })
  try {
    await reach(pool, log)
    if (migrateFirst) for (const name of await migrate(pool)) log.info({ event: 'migrated', name })
    await findAccount(pool, accountStatement(config.DATABASE_SCHEMA, false), '', {
      queryMs: DATABASE_PATIENCE_MS,
    })
  } catch (error) {
    const { code, message } = describeError(error instanceof Error && error.cause ? error.cause : error)
    throw new StartupError(`The database cannot be used: ${message ?? code ?? 'no answer'}`, { cause: error })
  } finally {
    await pool.end()
  }
}

/** The database may come up after us: machines restart together. */
async function reach(pool: pg.Pool, log: Log) {
  const until = performance.now() + DATABASE_PATIENCE_MS
  for (;;) {
    try {
      await pool.query('select 1')
      return
    } catch (error) {
      const mayComeUp = !(error instanceof pg.DatabaseError) || /^(08|53|57P)/.test(error.code ?? '')
      if (!mayComeUp || performance.now() > until) throw error
      log.warn({ event: 'waiting_for_database', error: describeError(error) })
      await pause(PAUSE_MS)
    }
  }
}
