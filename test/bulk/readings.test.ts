/** Other readings of Tratta's pages: what is accepted or rejected is proven, everything else is unknown. */
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { program } from '../support/program.ts'
import { ACCOUNTS } from './seed-people.ts'
import { startReading } from './start-reading.ts'
import { TOKEN, type Variation } from './start-tratta.ts'

// Each test has its own database and its own simulated Tratta.
t.jobs = 3

const reading = (title: string, work: (t: Test) => Promise<void>) => t.test(title, { buffered: true }, work)

const NOTHING = /^$/
const UNKNOWN = 'It is unknown whether Tratta has some of the accounts: see `tratta-jit bulk status`\n'

/** Each value of each setting once. */
const VARIATIONS: [Variation, prefix?: string][] = [
  // The first reading finds no errors, the next two agree.
  [{ errorShape: 'documented', errorsPaging: 'links', errorsPerPage: 4, bulkDelayMs: 150 }],
  [
    {
      errorShape: 'list',
      errorsPaging: 'next_page_url',
      errorsPerPage: 4,
      errorIds: 'lower_case',
      errorsPendingStatus: 404,
      bulkDelayMs: 600,
    },
  ],
  [
    {
      errorShape: 'strings',
      errorsPaging: 'last_page',
      errorsPerPage: 4,
      errorIds: 'number',
      errorsPendingStatus: 409,
      bulkDelayMs: 600,
    },
    '',
  ],
  [
    {
      errorShape: 'dotted',
      errorsPaging: 'cursor',
      errorsPerPage: 4,
      errorsPendingStatus: 425,
      bulkDelayMs: 600,
    },
  ],
  [{ errorsPaging: 'link_header', errorsPerPage: 4, errorsPendingStatus: 202, bulkDelayMs: 600 }],
  [{ errorsPaging: 'path', errorsPerPage: 4, errorsPendingStatus: 423, bulkDelayMs: 600 }],
  [{ invalidRows: 'reject_request' }],
  [{ invalidRows: 'reject_unnamed' }],
]

for (const [variation, prefix] of VARIATIONS)
  reading(`bulk push stores every rejection with ${JSON.stringify(variation)}`, async (t) => {
    const { bulk, compare } = await startReading(t, { ...variation, rejectedRows: 0.3 }, prefix)
    t.match(await bulk('push'), { code: 3, stderr: NOTHING })
    const { accepted, rejected, unknown } = await compare()
    t.ok(rejected.length > 10, `${rejected.length} rejected`)
    t.equal(accepted.length + rejected.length, ACCOUNTS)
    t.same(unknown, [])
  })

reading('errors without ids, with row numbers: accounts that are not named are unknown', async (t) => {
  const { bulk, compare, database } = await startReading(t, { errorIds: 'row_number', rejectedRows: 0.3 })
  t.match(await bulk('push'), { code: 3, stderr: UNKNOWN })
  const { accepted, rejected, unknown } = await compare()
  t.equal(accepted.length + rejected.length + unknown.length, ACCOUNTS)
  t.ok(rejected.length > 0 && unknown.length > 0, `${rejected.length} rejected, ${unknown.length} unknown`)
  t.same(await database.query("select from tratta_jit.bulk_rejections where outcome = 'unmatched'"), [])
})

reading(
  'errors that match no row are stored and shown; --retry-rejected --unchanged settles the request',
  async (t) => {
    const { bulk, compare, tratta } = await startReading(t, { errorIds: 'absent', rejectedRows: 0.3 })
    const pushed = await bulk('push')
    t.match(pushed, { code: 3, stderr: UNKNOWN })
    t.match(pushed.stdout, /^unmatched {2}\d+ rejections match no row that was sent$/m)
    const first = await compare()
    t.same(first.accepted, [])
    t.equal(first.unknown.length, ACCOUNTS)
    t.match(await bulk('errors'), { code: 3, stdout: /matches no row that was sent; by Tratta/ })

    tratta.configure({ errorIds: 'exact', rejectedRows: 0 })
    t.match(await bulk('push --retry-rejected --unchanged'), { code: 0, stderr: NOTHING })
    const { accepted, status } = await compare()
    t.equal(accepted.length, ACCOUNTS)
    t.match(status, { requests: { unmatched_rejections: 0 } })
    t.same((status as { requests: { doubts: object } }).requests.doubts, {})
  },
)

reading('--retry-rejected --unchanged sends a transient rejection again', async (t) => {
  const { bulk, compare, tratta } = await startReading(t, { rejectedRows: 0.3 })
  t.match(await bulk('push'), { code: 3, stderr: NOTHING })
  tratta.configure({ rejectedRows: 0 })
  const before = tratta.accepted()
  t.match(await bulk('push --retry-rejected'), { code: 0, stderr: NOTHING })
  t.same(tratta.accepted(), before, 'unchanged rows are not sent')
  t.match(await bulk('push --retry-rejected --unchanged'), { code: 0, stderr: NOTHING })
  t.equal((await compare()).accepted.length, ACCOUNTS)
  t.match(await bulk('push --unchanged'), { code: 2, stderr: '--unchanged needs --retry-rejected' })
})

for (const variation of [{ maxBulkRows: 7 }, { maxBulkBytes: 12_000 }])
  reading(`bulk push splits requests that are too large for ${JSON.stringify(variation)}`, async (t) => {
    const { bulk, compare } = await startReading(t, variation)
    t.match(await bulk('push'), { code: 0, stderr: NOTHING })
    t.equal((await compare()).accepted.length, ACCOUNTS)
  })

reading('bulk push stops when Tratta rejects every row', async (t) => {
  const { bulk, compare } = await startReading(t, { invalidRows: 'reject_unnamed', rejectedRows: 1 })
  const { code, stderr } = await bulk('push')
  t.same(
    [code, stderr],
    [
      1,
      'Tratta has rejected 21 requests one after the other: 422: The data field is invalid. What was sent is stored: run it again to resume.\n',
    ],
  )
  const { status } = await compare()
  t.match(status, { accounts: { accepted: 0, rejected: 60, to_send: ACCOUNTS - 60 } })
})

reading('bulk push splits a request that was stored under a larger TRATTA_BULK_BYTES', async (t) => {
  const { bulk, compare, tratta } = await startReading(t, { token: 'another' })
  t.match(await bulk('push'), { code: 1, stderr: /\(401\)/ })
  tratta.configure({ token: TOKEN, maxBulkBytes: 11_000 })
  t.match(await bulk('push', { TRATTA_BULK_BYTES: '10000' }), { code: 0, stderr: NOTHING })
  t.equal((await compare()).accepted.length, ACCOUNTS)
  t.same(
    tratta.requests.filter(({ status }) => status === 413),
    [],
  )
})

reading('bulk push sends a request again after 409, 423 and 425', async (t) => {
  const { bulk, compare, tratta } = await startReading(t, {})
  const later = (status: number) => ({ kind: 'status', status, times: 1, path: '/bulk' }) as const
  await tratta.injectFaults(later(409), later(423), later(425))
  t.match(await bulk('push'), { code: 0, stderr: NOTHING })
  t.equal((await compare()).accepted.length, ACCOUNTS)
  t.same(
    tratta.requests.filter(({ method }) => method === 'POST').map(({ status }) => status),
    [409, 423, 425, 200],
  )
})

reading('an answer without a bulk_id: the accounts are unknown, and are not sent again', async (t) => {
  const { bulk, compare, tratta } = await startReading(t, { bulkAnswer: 'no_bulk_id' })
  t.match(await bulk('push'), { code: 3, stderr: UNKNOWN })
  t.match(await bulk('push'), { code: 3, stderr: UNKNOWN })
  t.equal(tratta.accepted().posts, 1)
  const { unknown, status } = await compare()
  t.equal(unknown.length, ACCOUNTS)
  t.match(status, { requests: { doubts: { no_bulk_id: 1 } } })
})

reading('a count below the number of rows: the accounts of the request are unknown', async (t) => {
  const { bulk, compare } = await startReading(t, { bulkAnswer: 'low_count' })
  t.match(await bulk('push'), { code: 3, stderr: UNKNOWN })
  const { unknown, status } = await compare()
  t.equal(unknown.length, ACCOUNTS)
  t.match(status, { requests: { doubts: { count_differs: 1 }, last_error: 'Tratta counts 59 of 60 rows' } })
})

for (const existingCustomers of ['reuse', 'reject'] as const)
  reading(`503 after Tratta has accepted, existing customers: ${existingCustomers}`, async (t) => {
    const { bulk, compare, tratta } = await startReading(t, {
      lostResponses: 0.3,
      lostResponseStatus: 503,
      existingCustomers,
    })
    t.match(await bulk('push', { TRATTA_BULK_BYTES: '10000' }), { code: 0, stderr: NOTHING })
    const { accepted, rejected } = await compare()
    t.same(rejected, [])
    t.same(accepted, tratta.accounts())
  })

reading('a customer is deleted while its request is unknown: its accounts are unknown', async (t) => {
  const { bulk, compare, tratta, database, env } = await startReading(t, {})
  await tratta.injectFaults({ kind: 'slow', ms: 60_000, path: '/bulk' })
  const pushing = program(t, ['bulk', 'push'], env)
  while (tratta.accepted().posts === 0) await pause(20)
  pushing.process.kill('SIGKILL')
  await pushing.ended
  await tratta.injectFaults()
  await database.query("delete from tratta_jit.customers where external_id = 'ID-1001'")
  t.match(await bulk('push'), { code: 3, stderr: UNKNOWN })
  const { status } = await compare()
  t.match(status, { accounts: { accepted: ACCOUNTS - 3, unknown: 3 } })
  t.match(await bulk('push'), { code: 3, stderr: UNKNOWN }, 'a later push is not stopped')
})

reading('the exit code covers rejections of an earlier run', async (t) => {
  const { bulk, tratta, database, env } = await startReading(t, { rejectedRows: 0.3 })
  const pushing = program(t, ['bulk', 'push'], { ...env, TRATTA_BULK_WAIT_SECONDS: '600' })
  const isSent = "select from tratta_jit.bulk_requests where state = 'sent'"
  while ((await database.query(isSent)).length === 0) await pause(20)
  pushing.process.kill('SIGINT')
  t.match(await pushing.ended, { code: 1 })
  const before = tratta.accepted()
  t.match(await bulk('push --retry-rejected'), { code: 3, stderr: NOTHING })
  t.same(tratta.accepted(), before)
})

reading('a Retry-After of an hour or more stops the push', async (t) => {
  const { bulk, tratta, compare } = await startReading(t, {})
  for (const [retryAfter, shown] of [
    [3600, '60 min'],
    [10 ** 12, '277777778 h'],
  ] as const) {
    await tratta.injectFaults({ kind: 'status', status: 429, retryAfter, path: '/bulk' })
    const { code, stderr } = await bulk('push')
    t.equal(code, 1)
    t.ok(stderr.startsWith(`Tratta requires a wait of ${shown}. `), stderr)
    t.match(stderr, /\(429\).*run it again to resume\.\n$/)
  }
  await tratta.injectFaults()
  t.match(await bulk('push'), { code: 0, stderr: NOTHING })
  t.equal((await compare()).accepted.length, ACCOUNTS)
})

reading('a lost answer, and customers that Tratta rejects because it has them', async (t) => {
  const { bulk, tratta, database, sendOtherRow, compare } = await startReading(t, {
    existingCustomers: 'reject',
  })
  await sendOtherRow({ customer: { external_id: 'ID-1001', name: 'Known' }, debt_accounts: [] })
  await tratta.injectFaults({ kind: 'lost_response', times: 1, path: '/bulk' })
  t.match(await bulk('push'), { code: 3, stderr: UNKNOWN })
  const { accepted, rejected, unknown, status } = await compare()
  t.same(accepted, tratta.accounts(), 'the second answer names each account that the first attempt created')
  t.same(rejected, [])
  t.same(unknown, ['ID-2001', 'ID-3001', 'ID-4001'], 'nothing proves these')
  t.match(status, { accounts: { accepted: ACCOUNTS - 3, rejected: 0, unknown: 3 } })
  t.same(await database.query('select distinct outcome, code, reasons from tratta_jit.bulk_rejections'), [
    {
      outcome: 'unknown',
      code: 'customer_taken',
      reasons: ['customer.external_id: The external id has already been taken.'],
    },
  ])
  t.match(await bulk('errors'), {
    code: 3,
    stdout: /3 × customer\.external_id: .*\n +unknown whether Tratta has it; by/,
  })

  tratta.configure({ existingCustomers: 'reuse' })
  t.match(await bulk('push --retry-rejected --unchanged'), { code: 0, stderr: NOTHING })
  t.equal((await compare()).accepted.length, ACCOUNTS)
})
