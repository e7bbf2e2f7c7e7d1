/** The setup of a drill: Postgres with the sample accounts, and a caller. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { migrate } from '../src/database/migrate.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../src/development/embedded-postgres.ts'
import { callAtRate } from '../test/support/calls.ts'
import type { DrillContext } from './drill.ts'

const SAMPLE = join(import.meta.dirname, '../sample/accounts.sql')

/** Starts a Postgres with the sample accounts. Files of the drill go into its directory, which is removed at the end. */
export async function startDatabase(
  context: DrillContext,
  settings: Record<string, string> = {},
): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres({ settings })
  context.onEnd(postgres.stop)
  const pool = new pg.Pool({ connectionString: postgres.url })
  try {
    await migrate(pool)
    await pool.query(readFileSync(SAMPLE, 'utf8'))
  } finally {
    await pool.end()
  }
  return postgres
}

/** Runs SQL on a separate connection. */
export async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url)
  // The query also rejects with the error.
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

/** Sends calls at a constant rate, at the latest until the drill ends. */
export function startCalls(context: DrillContext, url: string | (() => string), perSecond: number) {
  const calls = callAtRate(url, perSecond)
  context.onEnd(calls.stop)
  return calls
}
