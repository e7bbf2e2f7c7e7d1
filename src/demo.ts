/** All of it on one machine: a real Postgres with sample accounts, the responder, one JIT call. */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import pg from 'pg'
import { readConfig } from './config.ts'
import { startEmbeddedPostgres } from './database/embedded-postgres.ts'
import { createLog } from './log.ts'
import { serve } from './serve.ts'

const SAMPLE = new URL('../sample/accounts.sql', import.meta.url)
const ACCOUNT = 'A-500100'

/** Shows a call and goes on answering until `stopped` resolves; leaves nothing behind. */
export async function demo(stopped: Promise<unknown>, say = console.log) {
  say('Starting a Postgres of its own …')
  const postgres = await startEmbeddedPostgres()
  try {
    const secret = randomBytes(24).toString('base64url')
    const config = readConfig(
      { DATABASE_URL: postgres.url, JIT_SECRET: secret, HOST: '127.0.0.1', PORT: '0', ADMIN_PORT: '0' },
      'DATABASE_URL',
      'JIT_SECRET',
    )
    const { log } = createLog('silent')
    const responder = await serve(config, log, { migrateFirst: true })
    try {
      await loadSample(postgres.url)
      const question = `${responder.url}/jit/${secret}?debt_account_external_id=${ACCOUNT}`
      const asked = performance.now()
      const answer = await fetch(question)
      const payload = await answer.json()
      say(`\nTratta asks       GET /jit/…?debt_account_external_id=${ACCOUNT}`)
      say(`tratta-jit says   ${answer.status}, after ${Math.round(performance.now() - asked)} ms\n`)
      say(JSON.stringify(payload, null, 2))
      say(`\nIt goes on answering. Ask yourself, in another terminal:\n\n  curl '${question}'\n`)
      say(
        `Others to ask for: A-500200 (everything set), A-500101 (a child), 123456 (the minimum), nobody (404).`,
      )
      say('Ctrl-C ends it and leaves nothing behind.')
      await stopped
    } finally {
      await responder.stop()
    }
  } finally {
    await postgres.stop()
  }
}

async function loadSample(url: string) {
  const client = new pg.Client(url)
  await client.connect()
  try {
    await client.query(await readFile(SAMPLE, 'utf8'))
  } finally {
    await client.end()
  }
}
