/** A database and a simulated Tratta, and the bulk commands with the settings for both. */
import type { Test } from 'tap'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { run } from '../support/program.ts'
import { startTratta, TOKEN, type Variation } from './start-tratta.ts'

/** Reads errors at once, and again until two readings agree. */
export const bulkSettings = (database: TestDatabase, tratta: { url: string }) => ({
  DATABASE_URL: database.url,
  TRATTA_API_URL: tratta.url,
  TRATTA_API_TOKEN: TOKEN,
  TRATTA_REQUESTS_PER_MINUTE: '1000000',
  TRATTA_BULK_WAIT_SECONDS: '0',
})

export async function startBulk(t: Test, variation: Variation = {}) {
  const database = await testDatabase(t)
  const tratta = await startTratta(t, variation)
  const env: Record<string, string> = bulkSettings(database, tratta)
  return {
    database,
    tratta,
    env,
    /** Runs `bulk` with these words. */
    bulk: (words: string, more: Record<string, string> = {}) =>
      run(t, ['bulk', ...words.split(' ')], { ...env, ...more }),
    /** The rows that Tratta received, by request. */
    sent: () =>
      tratta.requests.flatMap(({ method, body }) => (method === 'POST' && body ? [JSON.parse(body)] : [])),
    /** Sends a row to Tratta that is not in the database. */
    async sendOtherRow(row: object) {
      const response = await fetch(`${tratta.url}/bulk`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${TOKEN}`,
          'content-type': 'application/json',
          accept: 'application/json',
          connection: 'close',
        },
        body: JSON.stringify([row]),
      })
      t.equal(response.status, 200)
      await tratta.settled()
    },
  }
}
