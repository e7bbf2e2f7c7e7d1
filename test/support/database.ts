/** A new database for each test, cloned from a migrated template. */
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import type { Test } from 'tap'
import { migrate } from '../../src/database/migrate.ts'

const TEMPLATE = 'template_tratta_jit'

/** The minimum that Tratta accepts: an account without a customer. */
export const MINIMUM = `insert into tratta_jit.debt_accounts (external_id, balance) values ('123456', 2000)`

const urlOf = (server: string, database: string) => {
  const url = new URL(server)
  url.pathname = `/${database}`
  return url.href
}

async function query(url: string, text: string) {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

export async function createTemplate(server: string) {
  await query(server, `create database ${TEMPLATE}`)
  const pool = new pg.Pool({ connectionString: urlOf(server, TEMPLATE) })
  await migrate(pool)
  await pool.end()
}

export interface TestDatabase {
  url: string
  /** Runs SQL, also several statements. */
  query(text: string): Promise<Record<string, unknown>[]>
}

/** Fails the test if a connection is still open at its end. */
export async function testDatabase(t: Test, { migrated = true } = {}): Promise<TestDatabase> {
  const server = process.env.TEST_POSTGRES_URL
  if (!server) throw new Error('no Postgres for the tests: run them by npm test [-- FILE…]')
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await query(server, `create database ${name} ${migrated ? `template ${TEMPLATE}` : ''}`)
  t.teardown(async () => {
    await nothingConnected(server, name)
    await query(server, `drop database ${name} with (force)`)
  })
  const url = urlOf(server, name)
  return { url, query: (text) => query(url, text) }
}

async function nothingConnected(server: string, database: string) {
  const connected = `select application_name, query from pg_stat_activity where datname = '${database}'`
  for (let attempt = 0; attempt < 100; attempt++) {
    if ((await query(server, connected)).length === 0) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`a connection is still open: ${JSON.stringify(await query(server, connected))}`)
}
