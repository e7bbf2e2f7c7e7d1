import t from 'tap'
import { versionResult } from '../../src/check/database.ts'
import { run } from '../support/program.ts'
import { expectResults, NO_DATA, skipped } from './expect-results.ts'
import { startCheckedService } from './start-checked-service.ts'

t.test('check of a service without errors', async (t) => {
  const { env } = await startCheckedService(t)
  await t.test('--json has no problem', (t) => expectResults(t, env, []))
  await t.test('--quick omits the pass over the data', (t) =>
    expectResults(
      t,
      env,
      [skipped('rows', 'omitted by --quick'), ...NO_DATA('omitted by --quick')],
      ['--quick'],
    ),
  )
  await t.test('prints one line for each check', async (t) => {
    const { code, stdout, stderr } = await run(t, ['check'], env)
    t.same([code, stderr], [0, ''])
    const same = stdout
      .replace(/Postgres \d[\d.]*/, 'Postgres N')
      .replace(/\b[\d.]+ ms/g, 'N ms')
      .replace(/\d{4}-\d\d-\d\dT[\d:]+Z/, 'TIME')
      .replace(/of at most \d+/, 'of at most N')
      .replaceAll(env.PUBLIC_URL!, 'PUBLIC_URL')
    t.equal(
      same,
      `ok       settings      all required settings are set, and all settings are valid
ok       database      Postgres N answers
ok       connections   10 of at most N
ok       pooler        none: the connection is direct
ok       migrations    the schema tratta_jit is up to date
ok       readings      Tratta's behavior is assumed (existing_customers, id_comparison, bulk_bytes, bulk_rows, parallel_requests, errors_ready, ssn_last4): \`tratta-jit probe\` finds it out at a sandbox
ok       relations     tratta_jit has all required columns
ok       privileges    postgres may read tratta_jit and write tratta_jit
ok       indexes       the lookup can use indexes
ok       rows          every row can be read
ok       lookup        N ms for the account A-500100, with 3 children; 15 random accounts: p50 N ms, worst N ms
ok       data          4 customers with 15 accounts, no data that Tratta would reject
ok       customers     every account has a customer
ok       parents       every parent exists, and its amounts are the sums of its children
ok       unique        every external_id exists once, and every name and type of a location
ok       balances      smallest $1.00, median $10.00, largest $1,842.50, total $4,453.25
ok       ids           no two external_ids differ only by case, trailing blanks or Unicode composition
ok       public_url    \`serve\` answers at PUBLIC_URL in N ms
ok       certificate   none is needed: PUBLIC_URL is this machine
ok       token         Tratta accepts the token (404 for a bulk action that does not exist)
ok       registration  registered TIME at PUBLIC_URL, with this secret
ok       clocks        Postgres, Tratta and this machine agree within 5 s

0 errors, 0 warnings, 22 ok, 0 skipped
`,
    )
  })
})

t.test('an unknown argument or option is a usage error', async (t) => {
  t.match(await run(t, ['check', 'all']), {
    code: 2,
    stdout: /^$/,
    stderr: /^Too many arguments for 'check'/,
  })
  t.match(await run(t, ['check', '--fast']), { code: 2, stdout: /^$/, stderr: /^Unknown option '--fast'/ })
})

t.test('a Postgres older than version 15 is a warning', async (t) => {
  t.same(versionResult('14.20', 14), {
    state: 'warning',
    message: 'Postgres 14.20 answers, and is older than the versions that tratta-jit is tested with',
    remedy: 'upgrade to Postgres 15 or newer',
  })
  t.same(versionResult('15.18', 15), { state: 'ok', message: 'Postgres 15.18 answers' })
})
