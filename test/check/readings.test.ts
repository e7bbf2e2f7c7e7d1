/** `check` lists what is assumed about Tratta, known, or contradicted by a setting; and ids that Tratta can treat as one. */
import t from 'tap'
import { run } from '../support/program.ts'
import { expectResults } from './expect-results.ts'
import { type CheckedService, startCheckedService } from './start-checked-service.ts'

// Each test has its own database.
t.jobs = 3

let healthy: CheckedService
t.before(async () => {
  healthy = await startCheckedService(t)
})

const reading = (apiUrl: string, name: string, value: string, result: string, found: string) =>
  `insert into tratta_jit.readings (api_url, name, value, result, found, learned_at, version)
   values ('${apiUrl}', '${name}', '${value}', '${result}', '${found}', '2026-01-02', '0.1.0');`

t.test('readings are assumed before probe, and known afterwards', { buffered: true }, async (t) => {
  const { env, database } = await healthy.copy(t)
  const messages = async () => {
    const { lines } = await run(t, ['check', '--quick', '--json'], env)
    return lines.flatMap(({ check, message }) => (check === 'readings' ? message : []))
  }
  t.same(await messages(), [
    "Tratta's behavior is assumed (existing_customers, id_comparison, bulk_bytes, bulk_rows, parallel_requests, errors_ready, ssn_last4): `tratta-jit probe` finds it out at a sandbox",
  ])
  await database.query(
    ['existing_customers', 'id_comparison', 'bulk_bytes', 'bulk_rows', 'parallel_requests', 'errors_ready']
      .map((name) => reading(env.TRATTA_API_URL!, name, 'x', 'as_assumed', ''))
      .join(''),
  )
  t.same(await messages(), [
    'known: bulk_bytes x (2026-01-02), bulk_rows x (2026-01-02), errors_ready x (2026-01-02), existing_customers x (2026-01-02), id_comparison x (2026-01-02), parallel_requests x (2026-01-02); assumed: ssn_last4',
  ])
})

t.test('readings that a setting contradicts, or that are not supported', { buffered: true }, async (t) => {
  const { env, database } = await healthy.copy(t)
  const url = env.TRATTA_API_URL!
  await database.query(
    reading(url, 'existing_customers', 'reject', 'differs', 'a row with a known customer is rejected') +
      reading(url, 'bulk_rows', '500', 'differs', '500 are accepted') +
      reading(url, 'bulk_bytes', '2000000', 'differs', '2 MB accepted') +
      reading(url, 'call_timeout', '3000', 'unsupported', '3.0 s') +
      reading(url, 'rate_limit', '100', 'differs', '429 after 100 requests'),
  )
  const settings = {
    TRATTA_EXISTING_CUSTOMERS: 'reuse',
    TRATTA_BULK_ROWS: '1000',
    TRATTA_BULK_BYTES: '1000000',
  }
  const remedy = 'change or remove the setting, or run `tratta-jit probe` again'
  const contradicted = (message: string) => ({
    check: 'readings',
    state: 'warning',
    message: `${message} (found by \`probe\` 2026-01-02)`,
    remedy,
  })
  await expectResults(t, { ...env, ...settings }, [
    {
      check: 'readings',
      state: 'warning',
      message: 'not supported: call_timeout: N s (found by `probe` 2026-01-02).',
      remedy: 'ask Tratta whether this can change; then run `tratta-jit probe` again',
    },
    contradicted(
      'TRATTA_EXISTING_CUSTOMERS is reuse, which contradicts existing_customers: a row with a known customer is rejected',
    ),
    contradicted('TRATTA_BULK_ROWS is 1000, which contradicts bulk_rows: 500 are accepted'),
    contradicted('JIT_DEADLINE_MS is 5000, which contradicts call_timeout: N s'),
    contradicted('TRATTA_REQUESTS_PER_MINUTE is 300, which contradicts rate_limit: 429 after 100 requests'),
  ])
})

const DIFFERENCE = 'differ only by case, trailing blanks or Unicode composition'
const SAME_IDS = `
  insert into tratta_jit.customers (external_id, name) values ('S-1', 'A'), ('s-1', 'B'), ('S-1 ', 'C');
  insert into tratta_jit.debt_accounts (external_id, customer_external_id, balance) values
    (U&'caf\\00e9', 'S-1', 1), (U&'cafe\\0301', 's-1', 2), ('lone', 's-1', 3), (' s-1', 'S-1 ', 4), ('s-1', 'S-1 ', 5)`

for (const [comparison, state, tail, remedy] of [
  [
    '',
    'warning',
    'they may be one at a Tratta on MySQL',
    'run `tratta-jit probe` against a sandbox, or set TRATTA_ID_COMPARISON; or change the ids',
  ],
  [
    'folded',
    'error',
    'Tratta treats them as one',
    'change the ids: `bulk push` does not send them, because Tratta would mix their data',
  ],
  ['exact', 'ok', '', ''],
] as const)
  t.test(
    `ids that are nearly the same, ids are compared: ${comparison || 'unknown'}`,
    { buffered: true },
    async (t) => {
      const { env } = await healthy.copy(t, SAME_IDS)
      const result = (relation: string, count: number, examples: string[]) => ({
        check: 'ids',
        state,
        message: `external_ids of ${relation} ${DIFFERENCE}: ${tail}`,
        remedy,
        count,
        examples,
      })
      await expectResults(
        t,
        { ...env, TRATTA_ID_COMPARISON: comparison },
        state === 'ok'
          ? []
          : [
              result('customers', 3, ['S-1', 'S-1 ', 's-1']),
              result('debt_accounts', 2, ['cafe\u0301', 'caf\u00e9']),
            ],
      )
    },
  )

t.test('ids of other column types, and in a schema of views', { buffered: true }, async (t) => {
  const { env } = await healthy.copy(
    t,
    `create schema agency;
     create view agency.debt_accounts as select case external_id when 'A-500300' then 'a-500200' else external_id end::char(60) as external_id, parent_external_id,
       customer_external_id, location_external_id, balance, current_balance from tratta_jit.debt_accounts;
     create view agency.customers as select * from tratta_jit.customers;
     create view agency.locations as select * from tratta_jit.locations`,
  )
  const { lines } = await run(t, ['check', '--json'], { ...env, DATABASE_SCHEMA: 'agency' })
  t.match(
    lines.filter(({ check }) => check === 'ids'),
    [{ state: 'warning', count: 2, examples: ['A-500200', 'a-500200'] }],
  )
})
