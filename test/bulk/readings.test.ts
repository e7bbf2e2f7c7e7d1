/** Other readings of Tratta's page: what is accepted or rejected is proven, everything else is unknown. */
import t, { type Test } from 'tap'
import { testDatabase } from '../support/database.ts'
import { program, run } from '../support/program.ts'
import { ACCOUNTS, PERSONAL, seedPeople } from './people.ts'
import { bulkSettings, ourAccounts, simulatedTratta } from './tratta.ts'

// Each has a database and a simulated Tratta of its own, and waits most of the time.
t.jobs = 4

async function started(t: Test, settings: Record<string, unknown>, prefix?: string) {
  const database = await testDatabase(t)
  const tratta = await simulatedTratta(t, settings)
  await seedPeople(database, prefix)
  const env = bulkSettings(database, tratta)
  return {
    database,
    tratta,
    env,
    bulk: (words: string, more = {}) => run(t, ['bulk', ...words.split(' ')], { ...env, ...more }),
    /** Compares what is stored with what Tratta has. @returns what is stored */
    async compare() {
      const ours = await ourAccounts(database)
      const held = new Set(await tratta.held('debt_accounts'))
      t.same(
        ours.accepted.filter((id) => !held.has(id)),
        [],
        'Tratta has all accepted accounts',
      )
      t.same(
        ours.rejected.filter((id) => held.has(id)),
        [],
        'Tratta has no rejected account',
      )
      const [status] = (await run(t, ['bulk', 'status', '--json'], env)).lines
      const { accounts } = status as { accounts: Record<string, number> }
      const { to_send = 0, sent = 0, accepted = 0, rejected = 0, unknown = 0 } = accounts
      t.equal(to_send + sent + accepted + rejected + unknown, ACCOUNTS, 'the sum is every account')
      const reasons = JSON.stringify(
        await database.query(
          'select reasons, last_error from tratta_jit.bulk_rejections full join tratta_jit.bulk_requests using (request)',
        ),
      )
      t.notMatch(reasons, PERSONAL, 'no personal value is stored')
      return { ...ours, status }
    },
  }
}

const reading = (title: string, work: (t: Test) => Promise<void>) => t.test(title, { buffered: true }, work)

for (const settings of [
  { errorShape: 'documented' },
  { errorShape: 'list' },
  { errorShape: 'strings' },
  { errorShape: 'dotted' },
  { errorsPaging: 'links', errorsPerPage: 4 },
  { errorsPaging: 'next_page_url', errorsPerPage: 4 },
  { errorsPaging: 'last_page', errorsPerPage: 4 },
  { errorsPaging: 'cursor', errorsPerPage: 4 },
  { errorsPaging: 'link_header', errorsPerPage: 4 },
  { errorsPaging: 'path', errorsPerPage: 4 },
  { errorIds: 'lower_case' },
  { errorIds: 'number', prefix: '' },
  { invalidRows: 'reject_request' },
  { invalidRows: 'reject_unnamed' },
  { errorsPendingStatus: 404, bulkDelayMs: 2500 },
  { errorsPendingStatus: 409, bulkDelayMs: 2500 },
  { errorsPendingStatus: 425, bulkDelayMs: 2500 },
  { errorsPendingStatus: 202, bulkDelayMs: 2500 },
] as Record<string, unknown>[]) {
  const { prefix, ...variation } = settings
  reading(`every rejection is stored with ${JSON.stringify(variation)}`, async (t) => {
    const { bulk, compare } = await started(t, { ...variation, rejectedRows: 0.3 }, prefix as string)
    t.match(await bulk('push'), { code: 3, stderr: '' })
    const { accepted, rejected, unknown } = await compare()
    t.ok(rejected.length > 10, `${rejected.length} rejected`)
    t.equal(accepted.length + rejected.length, ACCOUNTS)
    t.same(unknown, [])
  })
}

reading('a row number matches a rejection without ids', async (t) => {
  const { bulk, compare, database } = await started(t, { errorIds: 'row_number', rejectedRows: 0.3 })
  t.match(await bulk('push'), { code: 3 })
  const { accepted, rejected, unknown } = await compare()
  t.equal(accepted.length + rejected.length + unknown.length, ACCOUNTS)
  t.ok(rejected.length > 0 && unknown.length > 0, 'accounts that are not named are unknown')
  t.same(await database.query("select from tratta_jit.bulk_rejections where outcome = 'unmatched'"), [])
})

reading('a rejection that matches no row is stored and shown, and its request is unknown', async (t) => {
  const { bulk, compare } = await started(t, { errorIds: 'absent', rejectedRows: 0.3 })
  const pushed = await bulk('push')
  t.match(pushed, {
    code: 3,
    stderr: 'It is unknown whether Tratta has some of the accounts: see `tratta-jit bulk status`\n',
  })
  t.match(pushed.stdout, /^unmatched {2}\d+ rejections match no row that was sent$/m)
  t.same((await compare()).accepted, [])
  t.match(await bulk('errors'), { code: 3, stdout: /matches no row that was sent; by Tratta/ })
})

reading('--retry-rejected --unchanged settles what is unknown', async (t) => {
  const { bulk, compare, tratta } = await started(t, { errorIds: 'absent', rejectedRows: 0.3 })
  t.match(await bulk('push'), { code: 3 })
  await tratta.configure({ errorIds: 'exact', rejectedRows: 0 })
  t.match(await bulk('push --retry-rejected --unchanged'), { code: 0, stderr: '' })
  const { accepted, status } = await compare()
  t.equal(accepted.length, ACCOUNTS)
  t.match(status, { requests: { doubts: {}, unmatched_rejections: 0 } })
})

reading('--retry-rejected --unchanged sends a transient rejection again', async (t) => {
  const { bulk, compare, tratta } = await started(t, { rejectedRows: 0.3 })
  t.match(await bulk('push'), { code: 3 })
  await tratta.configure({ rejectedRows: 0 })
  const before = await tratta.accepted()
  t.match(await bulk('push --retry-rejected'), { code: 0 })
  t.same(await tratta.accepted(), before, 'unchanged rows are not sent')
  t.match(await bulk('push --retry-rejected --unchanged'), { code: 0 })
  t.equal((await compare()).accepted.length, ACCOUNTS)
  t.match(await bulk('push --unchanged'), { code: 2, stderr: /--unchanged needs --retry-rejected/ })
})

for (const settings of [{ maxBulkRows: 7 }, { maxBulkBytes: 12_000 }])
  reading(`a smaller limit of Tratta only costs requests: ${JSON.stringify(settings)}`, async (t) => {
    const { bulk, compare } = await started(t, settings)
    t.match(await bulk('push'), { code: 0, stderr: '' })
    t.equal((await compare()).accepted.length, ACCOUNTS)
  })

reading('a request that was stored under a larger TRATTA_BULK_BYTES is split', async (t) => {
  const { bulk, compare, tratta } = await started(t, { token: 'another' })
  t.match(await bulk('push'), { code: 1 })
  await tratta.configure({ token: 'token-of-the-simulated-bulk', maxBulkBytes: 11_000 })
  t.match(await bulk('push', { TRATTA_BULK_BYTES: '10000' }), { code: 0, stderr: '' })
  t.equal((await compare()).accepted.length, ACCOUNTS)
  const requests: { status: number }[] = await tratta.get('/requests')
  t.same(
    requests.filter(({ status }) => status === 413),
    [],
  )
})

for (const status of [409, 423, 425])
  reading(`${status} means later`, async (t) => {
    const { bulk, compare, tratta } = await started(t, {})
    await tratta.injectFaults({ kind: 'status', status, times: 2, path: '/bulk' })
    t.match(await bulk('push'), { code: 0, stderr: '' })
    t.equal((await compare()).accepted.length, ACCOUNTS)
  })

reading('an answer without a bulk_id is accepted, unknown, and not sent again', async (t) => {
  const { bulk, compare, tratta } = await started(t, { bulkAnswer: 'no_bulk_id' })
  t.match(await bulk('push'), { code: 3 })
  t.match(await bulk('push'), { code: 3 })
  t.equal((await tratta.accepted()).posts, 1)
  const { unknown, status } = await compare()
  t.equal(unknown.length, ACCOUNTS)
  t.match(status, { requests: { doubts: { no_bulk_id: 1 } } })
})

reading('a count below the number of rows makes the request unknown', async (t) => {
  const { bulk, compare } = await started(t, { bulkAnswer: 'low_count' })
  t.match(await bulk('push'), { code: 3 })
  const { unknown, status } = await compare()
  t.equal(unknown.length, ACCOUNTS)
  t.match(status, { requests: { doubts: { count_differs: 1 }, last_error: 'Tratta counts 59 of 60 rows' } })
})

for (const existingCustomers of ['reuse', 'reject'])
  reading(`503 after Tratta has accepted, existing customers: ${existingCustomers}`, async (t) => {
    const { bulk, compare, tratta } = await started(t, {
      lostResponses: 0.3,
      lostResponseStatus: 503,
      existingCustomers,
    })
    t.match(await bulk('push', { TRATTA_BULK_BYTES: '10000' }), { stderr: '' })
    const { accepted, rejected } = await compare()
    t.same(rejected, [])
    t.equal(accepted.length, (await tratta.held('debt_accounts')).length)
  })

reading('a customer that is deleted while its request is unknown', async (t) => {
  const { bulk, compare, tratta, database, env } = await started(t, {})
  await tratta.injectFaults({ kind: 'slow', ms: 60_000, path: '/bulk' })
  const pushing = program(t, ['bulk', 'push'], env)
  while ((await tratta.accepted()).posts === 0);
  pushing.process.kill('SIGKILL')
  await pushing.ended
  await tratta.injectFaults()
  await database.query("delete from tratta_jit.customers where external_id = 'ID-1001'")
  t.match(await bulk('push'), { code: 3 })
  const { status } = await compare()
  t.match(status, { accounts: { accepted: ACCOUNTS - 3, unknown: 3 } })
  t.match(await bulk('push'), { code: 3 }, 'a later push is not stopped')
})

reading('the exit code covers rejections of an earlier run', async (t) => {
  const { bulk, tratta, database, env } = await started(t, { rejectedRows: 0.3 })
  const pushing = program(t, ['bulk', 'push'], { ...env, TRATTA_BULK_WAIT_SECONDS: '600' })
  while ((await database.query("select from tratta_jit.bulk_requests where state = 'sent'")).length === 0);
  pushing.process.kill('SIGINT')
  t.match(await pushing.ended, { code: 1 })
  const before = await tratta.accepted()
  t.match(await bulk('push --retry-rejected'), { code: 3 })
  t.same(await tratta.accepted(), before)
})

for (const retryAfter of [3600, 10 ** 12])
  reading(`Retry-After: ${retryAfter} stops the push`, async (t) => {
    const { bulk, tratta, compare } = await started(t, {})
    await tratta.injectFaults({ kind: 'status', status: 429, retryAfter, path: '/bulk' })
    t.match(await bulk('push'), {
      code: 1,
      stderr: /^Tratta asks to wait \d+ (min|h)\. .*\(429\).*run it again to resume\.\n$/,
    })
    await tratta.injectFaults()
    t.match(await bulk('push'), { code: 0 })
    t.equal((await compare()).accepted.length, ACCOUNTS)
  })

reading('bulk errors --again reads late rejections', async (t) => {
  const { bulk, tratta, compare } = await started(t, { rejectedRows: 0.3, bulkDelayMs: 5000 })
  t.match(await bulk('push'), { code: 0 })
  t.match(await bulk('errors'), { code: 0, stdout: 'Nothing is rejected\n' })
  while ((await tratta.get('/bulk')).some(({ status }: { status: string }) => status === 'pending'));
  t.match(await bulk('errors --again'), { code: 3 })
  t.ok((await compare()).rejected.length > 10)
})
