/** Runs `probe` against a variation of the simulated Tratta, then a push. */
import pg from 'pg'
import type { Test } from 'tap'
import { readConfig } from '../../src/config.ts'
import { EXPERIMENTS } from '../../src/probe/experiments.ts'
import { createMadeUpData } from '../../src/probe/made-up-data.ts'
import { createProbe, type ProbeResult } from '../../src/probe/run-probe.ts'
import { expectAgreement } from '../bulk/expect-agreement.ts'
import { accountsOf, seedPortfolio } from '../bulk/seed-portfolio.ts'
import { bulkSettings } from '../bulk/start-bulk.ts'
import { startTratta, type Tratta, type Variation } from '../bulk/start-tratta.ts'
import { storedAccounts } from '../bulk/stored-accounts.ts'
import { freePort } from '../support/child-process.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { run } from '../support/program.ts'

const CUSTOMERS = 30
const ACCOUNTS = accountsOf(CUSTOMERS)

/** What differs, by experiment: the value, and whether the program supports it. */
export interface Expected {
  [experiment: string]: [value: string, support: 'supported' | 'unsupported'] | 'undecided'
}

/** The probe reports the expected differences and nothing else; a push afterwards agrees with what Tratta has. */
export async function runVariation(t: Test, variation: Variation, expected: Expected): Promise<void> {
  const database = await testDatabase(t)
  const tratta = await startTratta(t, variation)
  const port = String(await freePort())
  const env = {
    ...bulkSettings(database, tratta),
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    HOST: '127.0.0.1',
    PORT: port,
  }
  const results = await probe(env)
  const others = results.filter(({ result }) => result !== 'as_assumed')
  const found = others.map(({ experiment, result, value, isUnsupported }) => [
    experiment,
    result === 'undecided' ? result : [value, isUnsupported ? 'unsupported' : 'supported'],
  ])
  t.same(Object.fromEntries(found), expected, JSON.stringify(others))
  await seedPortfolio(database, CUSTOMERS)
  const pushed = await run(t, ['bulk', 'push', '--json'], env)
  t.ok([0, 1, 3].includes(pushed.code ?? -1), pushed.stderr)
  await compare(t, variation, { database, tratta, env })
}

async function probe(env: Record<string, string>): Promise<ProbeResult[]> {
  const config = readConfig(env, 'DATABASE_URL', 'TRATTA_API_URL', 'TRATTA_API_TOKEN')
  const pool = new pg.Pool({ connectionString: config.DATABASE_URL })
  const probe = createProbe({
    config,
    pool,
    experiments: EXPERIMENTS.filter(({ isOptIn }) => !isOptIn),
    data: createMadeUpData(),
    record() {},
    onStart() {},
    signal: new AbortController().signal,
  })
  const results: ProbeResult[] = []
  for await (const result of probe.results()) results.push(result)
  await probe.close()
  await pool.end()
  return results
}

interface Pushed {
  database: TestDatabase
  tratta: Tratta
  env: Record<string, string>
}

async function compare(t: Test, variation: Variation, { database, tratta, env }: Pushed) {
  await tratta.settled()
  const stored = await storedAccounts(database)
  expectAgreement(t, tratta, stored)
  const [status] = (await run(t, ['bulk', 'status', '--json'], env)).lines
  const { accounts } = status as { accounts: Record<string, number> }
  const { to_send = 0, sent = 0, accepted = 0, rejected = 0, unknown = 0 } = accounts
  t.equal(to_send + sent + accepted + rejected + unknown, ACCOUNTS, 'the sum is every account')
  const isUnknown = ['no_bulk_id', 'low_count'].includes(variation.bulkAnswer ?? '')
  t.same({ to_send, unknown }, { to_send: 0, unknown: isUnknown ? ACCOUNTS : 0 })
  // One of the customers has accounts at two locations.
  const isUnreadable = ['circle', 'endless'].includes(variation.errorsPaging ?? '')
  const expected =
    isUnknown || isUnreadable ? 0 : variation.existingCustomers === 'reject' ? ACCOUNTS - 1 : ACCOUNTS
  t.equal(accepted, expected)
}
