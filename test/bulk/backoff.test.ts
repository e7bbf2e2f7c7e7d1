/** How long a push waits for a Tratta that accepts nothing. The limits are minutes, so the tests set lower ones. */
import pg from 'pg'
import t, { type Test } from 'tap'
import { type BackoffLimits, createBackoff, PushStoppedError } from '../../src/bulk/backoff.ts'
import { createCustomerSource } from '../../src/bulk/customer-source.ts'
import { emptyProgress } from '../../src/bulk/progress.ts'
import { push } from '../../src/bulk/push.ts'
import { findOrCreateTarget, resumeRun } from '../../src/bulk/runs.ts'
import { NO_SAME_IDS } from '../../src/bulk/same-ids.ts'
import { readable, readRelations } from '../../src/database/relations.ts'
import { createTrattaClient } from '../../src/tratta/client.ts'
import { ASSUMED } from '../../src/tratta/readings.ts'
import { startBulk } from './start-bulk.ts'
import { TOKEN } from './start-tratta.ts'

async function startPush(t: Test) {
  const started = await startBulk(t)
  const { database, tratta } = started
  await database.query(`insert into tratta_jit.customers (external_id, name) values ('c', 'Ann');
    insert into tratta_jit.debt_accounts (external_id, customer_external_id, balance) values ('a', 'c', 1)`)
  const pool = new pg.Pool({ connectionString: database.url })
  t.teardown(() => pool.end())
  const source = createCustomerSource(pool, readable(await readRelations(pool, 'tratta_jit')))
  const client = createTrattaClient({ apiUrl: tratta.url, token: TOKEN, requestsPerMinute: 1_000_000 })
  return {
    ...started,
    async push(limits: BackoffLimits) {
      const run = await resumeRun(pool, await findOrCreateTarget(pool, tratta.url), 'all')
      return push(pool, source, client, run, {
        selection: { kind: 'all', unchanged: false },
        limit: Number.POSITIVE_INFINITY,
        readings: { ...ASSUMED, maxBulkBytes: 1_000_000 },
        sameIds: NO_SAME_IDS,
        waitMs: 0,
        maxWaitMs: 60_000,
        limits,
        signal: new AbortController().signal,
        progress: emptyProgress(1_000_000),
      })
    },
    attempts: () => tratta.requests.filter(({ method }) => method === 'POST').length,
  }
}

t.test('an endless 429 stops the push, and the next push resumes it', async (t) => {
  const { tratta, push, bulk, attempts } = await startPush(t)
  await tratta.injectFaults({ kind: 'status', status: 429, path: '/bulk' })
  const error = await push({ maxBusyMs: 1000 }).catch((error) => error)
  t.type(error, PushStoppedError)
  t.match(error.message, /^Tratta has accepted nothing for \d+ s\. POST \/bulk: too many requests \(429\)/)
  t.ok(attempts() >= 2, `${attempts()} attempts`)
  await tratta.injectFaults()
  t.match(await bulk('push'), { code: 0, stderr: /^$/ })
  t.same(tratta.accounts(), ['a'])
})

t.test('a success starts both limits again', async (t) => {
  const signal = new AbortController().signal
  for (const isBusy of [true, false]) {
    const failure = { message: 'it failed', isBusy, retryAfterMs: undefined }
    // Each wait takes at least 250 ms.
    const backoff = createBackoff(emptyProgress(300), { maxBusyMs: 100, timeoutMs: 100 })
    for (let attempt = 0; attempt < 6; attempt++) {
      await backoff.wait(failure, 0, signal)
      backoff.succeeded()
    }
    await backoff.wait(failure, 0, signal)
    await t.rejects(backoff.wait(failure, 0, signal), {
      message: /^Tratta has accepted nothing for \d+ s\. it failed\. What was sent is stored/,
    })
  }
})

t.test('no answer for longer than the timeout stops the push after five failures', async (t) => {
  const { tratta, push, bulk, attempts } = await startPush(t)
  await tratta.injectFaults({ kind: 'reset', path: '/bulk' })
  const error = await push({ timeoutMs: 100 }).catch((error) => error)
  t.type(error, PushStoppedError)
  t.match(error.message, /^Tratta has accepted nothing for \d+ s\. POST \/bulk: /)
  t.equal(attempts(), 5)
  await tratta.injectFaults()
  t.match(await bulk('push'), { code: 0, stderr: /^$/ })
  t.same(tratta.accounts(), ['a'])
})
