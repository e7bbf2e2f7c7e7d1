/**
 * Measures what takes too long for a test: node test/bulk/bulk.drill.ts DRILL SIZE [MORE] [MODE]
 *
 *     big 1000000          customers per second and peak memory, without a rate limit
 *     rate 300 3           3 minutes at a limit of 300 requests per minute: the share of the limit, and 429s
 *     kill 100000 50       50 kills of a push of 100,000 customers, with lost answers and rejected rows, for existing
 *                          customers `reuse` and `reject`, or one MODE of them
 *     away 30000 60        an outage of 60 seconds during a push of 30,000 customers
 */

import { setTimeout as pause } from 'node:timers/promises'
import type { Test } from 'tap'
import { startEmbeddedPostgres } from '../../src/development/embedded-postgres.ts'
import { createTemplate, testDatabase } from '../support/database.ts'
import { peakMemory } from '../support/peak-memory.ts'
import { program, run } from '../support/program.ts'
import { killedPush } from './killed-push.ts'
import { accountsOf, rowsOf, seedPortfolio } from './seed-portfolio.ts'
import { bulkSettings } from './start-bulk.ts'
import { startTratta } from './start-tratta.ts'
import { storedAccounts } from './stored-accounts.ts'

const [drill = '', size = '', more = '', mode = ''] = process.argv.slice(2)
const endings: (() => unknown)[] = []
const t = { teardown: (ending: () => unknown) => endings.push(ending) } as unknown as Test
const postgres = await startEmbeddedPostgres({
  settings: { shared_buffers: '256MB', max_wal_size: '4GB', synchronous_commit: 'on' },
})
const drills: Record<string, () => Promise<void>> = { big, rate, kill, away }
try {
  process.env.TEST_POSTGRES_URL = postgres.url
  await createTemplate(postgres.url)
  await drills[drill]!()
} finally {
  for (const ending of endings.reverse()) await ending()
  await postgres.stop()
}

async function big() {
  const customers = Number(size) - (Number(size) % 30)
  const database = await testDatabase(t)
  const tratta = await startTratta(t)
  await seedPortfolio(database, customers)
  console.log(`${customers} customers, ${accountsOf(customers)} accounts`)
  const begun = performance.now()
  const pushing = program(t, ['bulk', 'push', '--json'], bulkSettings(database, tratta))
  const peak = peakMemory(pushing)
  const { code } = await pushing.ended
  const seconds = (performance.now() - begun) / 1000
  console.log(pushing.stdout().trim().split('\n').slice(-2).join('\n'), pushing.stderr())
  console.log({
    code,
    seconds: Math.round(seconds),
    customersPerSecond: Math.round(customers / seconds),
    peakMB: peak(),
    held: { customers: tratta.store.customers.size, accounts: tratta.store.debtAccounts.size },
    expected: { customers, accounts: accountsOf(customers) },
    state: await database.query(
      `select relname, pg_total_relation_size(oid) / 1048576 as mb from pg_class where relname ~ '^bulk_' and relkind = 'r'`,
    ),
  })
}

async function rate() {
  const perMinute = Number(size)
  const minutes = Number(more || 3)
  const database = await testDatabase(t)
  const tratta = await startTratta(t, { requestsPerMinute: perMinute })
  const customers = Math.ceil((perMinute * minutes * 1.1) / 31) * 30 * 25
  await seedPortfolio(database, customers)
  const pushing = program(t, ['bulk', 'push', '--json'], {
    ...bulkSettings(database, tratta),
    TRATTA_REQUESTS_PER_MINUTE: size,
    TRATTA_BULK_BYTES: '10000',
    TRATTA_BULK_WAIT_SECONDS: '30',
  })
  await pause(minutes * 60_000)
  const { requests } = tratta
  pushing.process.kill('SIGINT')
  await pushing.ended
  const from = requests[0]!.at + 5000
  const to = requests.at(-1)!.at
  const steady = requests.filter(({ at }) => at >= from)
  const perMinuteOf = (list: unknown[]) => (list.length / (to - from)) * 60_000
  const posts = steady.filter(({ method }) => method === 'POST')
  console.log({
    minutes: (to - from) / 60_000,
    allowed: perMinute,
    requestsPerMinute: perMinuteOf(steady),
    placingPerMinute: perMinuteOf(posts),
    shareOfLimit: perMinuteOf(steady) / perMinute,
    placingShareOfLimit: perMinuteOf(posts) / perMinute,
    rejectedWith429: requests.filter(({ status }) => status === 429).length,
  })
}

async function kill() {
  const customers = Number(size) - (Number(size) % 30)
  for (const existingCustomers of mode ? [mode as 'reuse'] : (['reuse', 'reject'] as const)) {
    const database = await testDatabase(t)
    const tratta = await startTratta(t, { existingCustomers })
    await seedPortfolio(database, customers)
    console.log(
      existingCustomers,
      await killedPush(t, database, tratta, { kills: Number(more || 50), customers }),
    )
    const ours = await storedAccounts(database)
    const theirs = tratta.accounts()
    console.log({
      rows: rowsOf(customers),
      accounts: accountsOf(customers),
      ours: { accepted: ours.accepted.length, rejected: ours.rejected.length, unknown: ours.unknown.length },
      theirs: theirs.length,
      same: JSON.stringify(ours.accepted) === JSON.stringify(theirs),
    })
    console.log((await run(t, ['bulk', 'status', '--json'], bulkSettings(database, tratta))).lines[0])
  }
}

async function away() {
  const customers = Number(size) - (Number(size) % 30)
  const database = await testDatabase(t)
  const tratta = await startTratta(t)
  await seedPortfolio(database, customers)
  const env = { ...bulkSettings(database, tratta), TRATTA_BULK_BYTES: '50000' }
  const pushing = program(t, ['bulk', 'push', '--json'], { ...env, TRATTA_REQUESTS_PER_MINUTE: '300' })
  while (tratta.accepted().posts < 5) await pause(50)
  await tratta.injectFaults({ kind: 'outage', ms: Number(more) * 1000 })
  const begun = performance.now()
  const { code } = await pushing.ended
  console.log({
    code,
    afterSeconds: Math.round((performance.now() - begun) / 1000),
    stderr: pushing.stderr(),
  })
  await tratta.injectFaults()
  const next = await run(t, ['bulk', 'push', '--json'], env)
  const ours = await storedAccounts(database)
  console.log({
    code: next.code,
    stderr: next.stderr,
    accepted: ours.accepted.length,
    of: accountsOf(customers),
  })
}
