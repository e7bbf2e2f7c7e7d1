/** What nearly every drill begins with. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { migrate } from '../src/database/migrate.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../src/development/embedded-postgres.ts'
import { callAtRate } from '../test/support/calls.ts'
import type { Scene } from './drill.ts'

const SAMPLE = join(import.meta.dirname, '../sample/accounts.sql')

/** A Postgres with the sample accounts. What a drill writes goes into its directory, and with it. */
export async function startDatabase(
  scene: Scene,
  settings: Record<string, string> = {},
): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres({ settings })
  scene.closing(postgres.stop)
  const pool = new pg.Pool({ connectionString: postgres.url })
  try {
    await migrate(pool)
    await pool.query(readFileSync(SAMPLE, 'utf8'))
  } finally {
    await pool.end()
  }
  return postgres
}

/** Runs SQL on a connection of its own. */
export async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url)
  // The query gets the error anyway.
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

/** Somebody who means well calls, until the drill's end at the latest. */
export function startCalls(scene: Scene, url: string, perSecond: number) {
  const calls = callAtRate(url, perSecond)
  scene.closing(calls.stop)
  return calls
}
