/** When a push believes that Tratta lists all errors of a request. */
import t, { type Test } from 'tap'
import { ACCOUNTS } from './seed-people.ts'
import { startReading } from './start-reading.ts'

// Each test has its own database and its own simulated Tratta.
t.jobs = 3

const NOTHING = /^$/
const BULK_ID = 'b0000000-0000-4000-8000-000000000001'

const reading = (title: string, work: (t: Test) => Promise<void>) => t.test(title, { buffered: true }, work)

reading('bulk errors --again reads rejections that appear after the push', async (t) => {
  const { bulk, tratta, compare } = await startReading(t, { rejectedRows: 0.3 })
  // An empty answer means that there are no errors.
  await tratta.injectFaults({ kind: 'empty', path: `/bulk/${BULK_ID}` })
  t.match(await bulk('push'), { code: 0, stderr: NOTHING })
  t.match(await bulk('errors'), { code: 0, stdout: /^Nothing is rejected\n$/ })
  await tratta.injectFaults()
  t.match(await bulk('errors'), { code: 0, stdout: /^Nothing is rejected\n$/ }, 'they are not due yet')
  t.match(await bulk('errors --again'), { code: 3, stderr: NOTHING })
  t.ok((await compare()).rejected.length > 10)
})

for (const [errorsPaging, problem] of [
  ['circle', 'its pages form a circle'],
  ['endless', 'its pages do not end (1000 pages read)'],
] as const)
  reading(
    `errors whose pages are ${errorsPaging}: nothing is believed, a later push reads them`,
    async (t) => {
      const { bulk, tratta, compare } = await startReading(t, {
        rejectedRows: 0.3,
        errorsPaging,
        errorsPerPage: 4,
      })
      const { code, stderr } = await bulk('push')
      t.same([code, stderr], [1, `GET /bulk/${BULK_ID}/errors: ${problem}\n`])
      t.match((await compare()).status, { accounts: { sent: ACCOUNTS }, requests: { by_state: { sent: 1 } } })
      tratta.configure({ errorsPaging: 'links' })
      t.match(await bulk('push'), { code: 3, stderr: NOTHING })
      const { accepted, rejected } = await compare()
      t.equal(accepted.length + rejected.length, ACCOUNTS)
      t.equal(tratta.accepted().posts, 1, 'no row is sent again')
    },
  )

for (const [status, result, code, stderr, states] of [
  [404, 'there are no errors', 0, '', { by_state: { settled: 1 }, read_early: 1 }],
  [
    409,
    'a later push reads the errors',
    1,
    `GET /bulk/${BULK_ID}/errors: Tratta rejected the request (409): Error\n`,
    { by_state: { sent: 1 } },
  ],
] as const)
  reading(`${status} until TRATTA_BULK_MAX_WAIT_SECONDS have passed: ${result}`, async (t) => {
    const { bulk, tratta, compare } = await startReading(t, {})
    await tratta.injectFaults({ kind: 'status', status, path: `/bulk/${BULK_ID}` })
    const pushed = await bulk('push', { TRATTA_BULK_MAX_WAIT_SECONDS: '1' })
    t.same([pushed.code, pushed.stderr], [code, stderr])
    t.match((await compare()).status, { requests: states })
    await tratta.injectFaults()
    t.match(await bulk('push'), { code: 0, stderr: NOTHING })
    t.equal((await compare()).accepted.length, ACCOUNTS)
    t.equal(tratta.accepted().posts, 1, 'no row is sent again')
  })
