/** What `probe` found, or a setting, changes what `bulk push`, `lookup` and `serve` do. */
import pg from 'pg'
import t, { type Test } from 'tap'
import { ASSUMED, loadReadings } from '../../src/tratta/readings.ts'
import { testDatabase } from '../support/database.ts'
import { run, service } from '../support/program.ts'
import { accountsOf, seedPortfolio } from './seed-portfolio.ts'
import { startBulk } from './start-bulk.ts'
import type { Variation } from './start-tratta.ts'

// Each test has its own database and its own simulated Tratta.
t.jobs = 3

const CUSTOMERS = 30
const NOTHING = /^$/

async function startLearned(t: Test, variation: Variation, found: Record<string, string> = {}) {
  const started = await startBulk(t, variation)
  const values = Object.entries(found).map(
    ([name, value]) => `('${started.tratta.url}', '${name}', '${value}', 'differs', 'found', '0')`,
  )
  if (values.length > 0)
    await started.database.query(
      `insert into tratta_jit.readings (api_url, name, value, result, found, version) values ${values.join()}`,
    )
  return {
    ...started,
    accounts: async () => {
      const [status] = (await started.bulk('status --json')).lines
      return (status as { accounts: Record<string, number> }).accounts
    },
    posts: () => started.tratta.requests.filter(({ method }) => method === 'POST'),
  }
}

const learned = (title: string, work: (t: Test) => Promise<void>) => t.test(title, { buffered: true }, work)

learned('existing_customers reject: no row of a known customer is sent', async (t) => {
  const found = { existing_customers: 'reject' }
  const { bulk, database, tratta, accounts } = await startLearned(t, { existingCustomers: 'reject' }, found)
  await seedPortfolio(database, CUSTOMERS)
  const reason =
    'customer is known to Tratta, which rejects rows of known customers: a call creates the account'
  const dryRun = await bulk('push --dry-run --json')
  t.match(dryRun, {
    code: 3,
    lines: [
      {
        event: 'dry_run',
        rows: CUSTOMERS,
        rejected: [{ code: 'known_customer', message: reason, count: 1, examples: ['A-30-other'] }],
      },
    ],
  })
  t.match(await bulk('push'), { code: 3, stderr: NOTHING })
  t.match(await accounts(), {
    accepted: accountsOf(CUSTOMERS) - 1,
    rejected: 1,
    rejected_by_us: 1,
    unknown: 0,
    to_send: 0,
  })
  await database.query(`insert into tratta_jit.debt_accounts (external_id, customer_external_id, balance)
    values ('A-new', 'C-1', 5)`)
  t.match(await bulk('push'), { code: 3, stderr: NOTHING })
  t.equal(tratta.accepted().posts, 1, 'the new account of a known customer is not sent')
  t.match(await accounts(), { rejected: 2, rejected_by_us: 2 })

  tratta.configure({ existingCustomers: 'reuse' })
  t.match(await bulk('push', { TRATTA_EXISTING_CUSTOMERS: 'reuse' }), { code: 0, stderr: NOTHING })
  t.match(await accounts(), { accepted: accountsOf(CUSTOMERS) + 1, rejected: 0 })
})

learned('id_comparison folded: ids that Tratta treats as one are not sent', async (t) => {
  const seed = `insert into tratta_jit.customers (external_id, name) values ('c-1', 'Ann'), ('C-1 ', 'Bob'), ('c-2', 'Eve');
    insert into tratta_jit.debt_accounts (external_id, parent_external_id, customer_external_id, balance) values
      ('a-1', null, 'c-1', 1), ('a-2', null, 'C-1 ', 2), ('a-3', null, 'c-2', 3), ('a-4', null, 'c-2', 4),
      ('x', null, 'c-2', 4), ('X', null, 'c-2', 4), ('child-of-x', 'x', 'c-2', 4)`
  const found = { id_comparison: 'folded' }
  const { bulk, database, tratta, accounts } = await startLearned(t, { idComparison: 'folded' }, found)
  await database.query(seed)
  t.match(await bulk('push'), { code: 3, stderr: NOTHING })
  t.same(tratta.accounts(), ['a-3', 'a-4'])
  t.match(await accounts(), { accepted: 2, rejected: 5, rejected_by_us: 5, unknown: 0 })
  t.match(await bulk('errors'), {
    code: 3,
    stdout:
      /4 × external_id differs from another only by case, trailing blanks or Unicode composition: Tratta treats them as one\n/,
  })
  // The setting overrides what was found: Tratta then has the account of one person at another.
  const other = await startLearned(t, { idComparison: 'folded' }, found)
  await other.database.query(seed)
  t.match(await other.bulk('push', { TRATTA_ID_COMPARISON: 'exact' }), { code: 3, stderr: NOTHING })
  t.ok(other.tratta.accounts().length > 2)
})

learned('bulk_rows, bulk_bytes: requests are not larger', async (t) => {
  for (const [found, maxRows, maxBytes] of [
    [{ bulk_rows: '7' }, 7, 10_000],
    [{ bulk_bytes: '4000' }, 1000, 4000],
  ] as const) {
    const { bulk, database, sent, posts } = await startLearned(t, {}, found)
    await seedPortfolio(database, CUSTOMERS)
    t.match(await bulk('push'), { code: 0, stderr: NOTHING })
    t.ok(sent().length >= 5, `${sent().length} requests`)
    t.ok(sent().every((rows) => rows.length <= maxRows))
    t.ok(posts().every(({ body = 'not recorded'.repeat(1000) }) => body.length <= maxBytes))
  }
})

learned('parallel_requests 1: one request at a time', async (t) => {
  const { bulk, database, posts, tratta } = await startLearned(t, {}, { parallel_requests: '1' })
  await tratta.injectFaults({ kind: 'slow', ms: 100, path: '/bulk' })
  await seedPortfolio(database, CUSTOMERS)
  t.match(await bulk('push', { TRATTA_BULK_ROWS: '5' }), { code: 0, stderr: NOTHING })
  const times = posts().map(({ at }) => at)
  t.equal(times.length, 7)
  t.ok(
    times.every((at, index) => index === 0 || at - times[index - 1]! >= 100),
    times.join(),
  )
})

learned('errors_ready marked: the errors are read once', async (t) => {
  for (const [pendingErrors, reads] of [
    ['marked', 1],
    ['unmarked', 2],
  ] as const) {
    const { bulk, database, tratta } = await startLearned(t, {}, { errors_ready: pendingErrors })
    await seedPortfolio(database, CUSTOMERS)
    t.match(await bulk('push'), { code: 0, stderr: NOTHING })
    t.equal(tratta.requests.filter(({ method }) => method === 'GET').length, reads, pendingErrors)
  }
})

learned('ssn_last4 as a text or as a number, in calls and in uploads', async (t) => {
  for (const [format, plain, leadingZero] of [
    ['any', 4321, '0042'],
    ['text', '4321', '0042'],
    ['number', 4321, undefined],
  ] as const) {
    const { bulk, database, env, sent } = await startLearned(t, { ssnLast4: format }, { ssn_last4: format })
    await database.query(`
      insert into tratta_jit.customers (external_id, name, ssn_last4) values ('1', 'Ann', '4321'), ('2', 'Bob', '0042');
      insert into tratta_jit.debt_accounts (external_id, customer_external_id, balance) values ('1', '1', 1), ('2', '2', 2)`)
    t.match(await bulk('push'), { code: 0, stderr: NOTHING })
    const uploaded = sent()[0].map(
      ({ customer }: { customer: { ssn_last4?: unknown } }) => customer.ssn_last4,
    )
    t.same(uploaded, [plain, leadingZero], `upload, ${format}`)
    const serving = await service(t, database.url, { TRATTA_API_URL: env.TRATTA_API_URL! })
    for (const [id, expected] of [
      ['1', plain],
      ['2', leadingZero],
    ] as const) {
      const { body } = await serving.ask(id)
      t.same((body as Answer).data.customer.ssn_last4, expected, `call, ${format}`)
      const { lines } = await run(t, ['lookup', id, '--json'], env)
      const [{ payload, omitted }] = lines as unknown as [{ payload: Answer; omitted: unknown[] }]
      t.same(payload, body)
      t.same(
        omitted,
        expected === undefined
          ? [
              {
                field: 'customer.ssn_last4',
                reason: 'must be a number, which would lose its leading zero',
              },
            ]
          : [],
      )
    }
  }
})

interface Answer {
  data: { customer: { ssn_last4?: unknown } }
}

learned(
  'production uses what was found at the sandbox of the organization, unless it has its own',
  async (t) => {
    const { url, query } = await testDatabase(t)
    const pool = new pg.Pool({ connectionString: url })
    const host = (name: string) => `https://0d9c.${name}.tratta.io/api/v1`
    await query(`insert into tratta_jit.readings (api_url, name, value, result, found, version) values
    ('${host('sandbox')}', 'existing_customers', 'reject', 'differs', '', '0'),
    ('${host('sandbox')}', 'bulk_rows', '500', 'differs', '', '0'),
    ('${host('production')}', 'bulk_rows', '250', 'differs', '', '0'),
    ('${host('sandbox')}', 'id_comparison', 'from another version', 'differs', '', '0'),
    ('https://other.sandbox.tratta.io/api/v1', 'ssn_last4', 'text', 'differs', '', '0')`)
    t.same(await loadReadings(pool, { TRATTA_API_URL: host('production') }), {
      ...ASSUMED,
      existingCustomers: 'reject',
      maxBulkRows: 250,
    })
    t.same(await loadReadings(pool, { TRATTA_API_URL: host('production'), TRATTA_BULK_ROWS: 900 }), {
      ...ASSUMED,
      existingCustomers: 'reject',
      maxBulkRows: 900,
    })
    t.same(await loadReadings(pool, {}), ASSUMED)
    await query('drop table tratta_jit.readings')
    t.same(await loadReadings(pool, { TRATTA_API_URL: host('production') }), ASSUMED)
    await pool.end()
  },
)
