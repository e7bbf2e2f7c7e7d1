import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { AGENCY_SCHEMA } from '../support/agency-schema.ts'
import { MINIMUM, testDatabase } from '../support/database.ts'
import { run, SECRET, service } from '../support/program.ts'
import { startSimulator } from '../support/simulator.ts'
import { trattaSettings } from './settings.ts'
import { type FakeAnswer, startFakeTratta } from './start-fake-tratta.ts'

t.test('trigger: prints the request, the response and the result', async (t) => {
  const database = await testDatabase(t)
  await database.query(readFileSync('sample/accounts.sql', 'utf8'))
  await database.query(MINIMUM)
  await database.query(`${AGENCY_SCHEMA}
    insert into agency.debt_accounts (external_id, parent_external_id, balance) values ('a', 'nobody', 5), ('b', null, null)`)
  const { simulator } = await startSimulator(t, { requestsPerMinute: Number.POSITIVE_INFINITY })
  const { url } = await service(t, database.url)
  const env = trattaSettings(database.url, simulator.url, url)
  const trigger = (id: string, more = {}) => run(t, ['trigger', id], { ...env, ...more })

  t.match(await trigger('123456'), {
    code: 1,
    stdout:
      /Not registered yet: run `tratta-jit register`\. .* not found at Tratta \(404\): No just in time endpoint has been created/,
  })
  await run(t, ['register'], env)

  t.same(await trigger('123456'), {
    code: 0,
    stdout: `Tratta requests

  GET ${url}/jit/…?debt_account_external_id=123456

tratta-jit returns, with the current data of the database

  {
    "data": {
      "debt_account": {
        "external_id": "123456",
        "balance": 2000
      }
    }
  }

Tratta accepted the response and stores

  {
    "data": {
      "debt_account": {
        "uuid": "a0000000-0000-4000-8000-000000000001",
        "external_id": "123456",
        "balance": 2000
      }
    }
  }
`,
    stderr: '',
    lines: [],
  })

  const unknown = await trigger('nobody')
  t.equal(unknown.code, 1)
  t.match(unknown.stdout, '"problem": "No such debt account"')
  t.match(
    unknown.stdout,
    /tratta-jit returned an error: Tratta relays 404 account_not_found\. In our log: "request_id":"[\w-]+"\n$/,
  )

  const validation = {
    field: 'debt_account.parent_external_id',
    messages: ['The selected debt account.parent external id is invalid.'],
  }
  const theirs = await service(t, database.url, { DATABASE_SCHEMA: 'agency' })
  const theirEnv = { DATABASE_SCHEMA: 'agency', PUBLIC_URL: theirs.url }
  await run(t, ['register'], { ...env, ...theirEnv })
  const rejected = await trigger('a', theirEnv)
  t.equal(rejected.code, 1)
  t.match(
    rejected.stdout,
    `Tratta rejected the response:\n\n  ${validation.field}: ${validation.messages[0]}\n`,
  )
  const json = await run(t, ['trigger', 'a', '--json'], { ...env, ...theirEnv })
  t.same(json.lines, [
    {
      request: `${theirs.url}/jit/…?debt_account_external_id=a`,
      response: { data: { debt_account: { external_id: 'a', parent_external_id: 'nobody', balance: 5 } } },
      accepted: false,
      validation: [validation],
    },
  ])
  const unsendable = await trigger('b', theirEnv)
  t.match(unsendable.stdout, 'Tratta would get an error: debt_account.balance is missing')
  t.match(unsendable.stdout, /Tratta relays 500 account_not_sendable/)

  for (const { stdout, stderr } of [unknown, rejected, unsendable])
    t.notMatch(stdout + stderr, new RegExp(`${SECRET}|simulated-token`))
})

t.test('trigger: a 503 is not retried, because it can be our own answer; a 429 is', async (t) => {
  const database = await testDatabase(t)
  await database.query(MINIMUM)
  const { simulator } = await startSimulator(t)
  const { url } = await service(t, database.url)
  const env = trattaSettings(database.url, simulator.url, url)
  await run(t, ['register'], env)
  const statuses = () =>
    simulator.requests.filter(({ url }) => url.endsWith('/trigger')).map(({ status }) => status)
  await simulator.injectFaults({ kind: 'status', status: 503, times: 1 })
  t.match(await run(t, ['trigger', '123456'], env), { code: 1, stdout: /503/ })
  t.same(statuses(), [503])
  await simulator.injectFaults({ kind: 'status', status: 429, times: 1 })
  t.match(await run(t, ['trigger', '123456'], env), { code: 0 })
  t.same(statuses(), [503, 429, 200])
})

t.test('trigger: other forms of the answer', async (t) => {
  t.jobs = 3
  const database = await testDatabase(t)
  await database.query(readFileSync('sample/accounts.sql', 'utf8'))
  await database.query(MINIMUM)
  const problem = {
    type: 'about:blank',
    title: 'No such debt account',
    status: 404,
    code: 'account_not_found',
    request_id: 'r-1',
  }
  const relayed = 'Tratta relays 404 account_not_found. In our log: "request_id":"r-1"\n'
  /** The output after our own response. */
  async function triggerWith(t: Test, answer: FakeAnswer, id = '123456', args: string[] = []) {
    const tratta = await startFakeTratta(t, ({ path }) =>
      path === '/just-in-time' ? { status: 201 } : answer,
    )
    const env = trattaSettings(database.url, tratta.url)
    t.equal((await run(t, ['register'], env)).code, 0)
    const { code, stdout, lines } = await run(t, ['trigger', id, ...args], env)
    return { code, shown: stdout.split(/\n\n {2}\{.*?\n {2}\}\n\n/s)[1], lines }
  }
  const shows = (name: string, answer: FakeAnswer, code: number, shown: RegExp | string) =>
    t.test(name, { buffered: true }, async (t) => {
      const result = await triggerWith(t, answer)
      t.equal(result.code, code)
      if (typeof shown === 'string') t.equal(result.shown, shown)
      else t.match(result.shown, shown)
    })

  const noResources = 'Tratta accepted the response, and returned no resources\n'
  shows('204', { status: 204 }, 0, noResources)
  shows('200 without a body', { status: 200, body: '' }, 0, noResources)
  for (const [name, body] of [
    ['as it is', problem],
    ['in `data`', { data: problem }],
    ['in a message', { message: `Your server returned: ${JSON.stringify(problem)}` }],
    [
      'in a response',
      { success: false, error: { response: { status: 404, body: JSON.stringify(problem) } } },
    ],
  ] as const)
    for (const status of [200, 404, 502])
      shows(
        `${status} with our error ${name}`,
        { status, body },
        1,
        `tratta-jit returned an error: ${relayed}`,
      )
  shows(
    '404 without our error',
    { status: 404, body: { message: 'Not Found' } },
    1,
    'POST /just-in-time/trigger: not found at Tratta (404): Not Found. Run `tratta-jit check`: the registered URL leads to another program than `serve`, or TRATTA_API_URL is wrong.\n',
  )
  shows(
    '200 with `success: false`',
    { status: 200, body: { success: false, message: 'Timeout' } },
    1,
    'POST /just-in-time/trigger: Tratta returned an error (200): Timeout\n',
  )
  shows(
    '200 with errors',
    { status: 200, body: { errors: { 'customer.phone': ['is invalid'] } } },
    1,
    'Tratta rejected the response:\n\n  customer.phone: is invalid\n',
  )

  const sent = (await run(t, ['lookup', 'A-500200', '--json'], { DATABASE_URL: database.url })).lines[0] as {
    payload: { data: Record<string, Record<string, unknown>> }
  }
  const { customer, debt_account, location } = sent.payload.data
  const asList = (metadata: unknown) =>
    Object.entries(metadata as object).map(([attribute, value]) => ({ attribute, value }))
  const { date_of_birth, ssn_last4, address, ...rest } = customer!
  const listed = {
    customer: {
      id: '1',
      ...rest,
      dob: `${date_of_birth}T00:00:00Z`,
      ssn: `***-**-${ssn_last4}`,
      address: [
        { line1: 'Old St', is_primary: false },
        { ...(address as object), is_primary: true },
      ],
      metadata: asList(customer!.metadata),
    },
    location: { id: '2', ...location },
    debt_account: { id: '3', ...debt_account, metadata: asList(debt_account!.metadata) },
  }
  const differs = async (t: Test, data: object) => {
    const { code, lines } = await triggerWith(t, { status: 200, body: { data } }, 'A-500200', ['--json'])
    t.equal(code, 0)
    const { differs, not_returned } = lines[0]!
    return { differs, not_returned }
  }
  t.test('the same resources in both forms: no difference', { buffered: true }, async (t) => {
    t.ok(customer!.metadata && debt_account!.metadata && customer!.address && customer!.ssn_last4)
    const address = { ...(customer!.address as object), is_primary: true }
    for (const data of [
      sent.payload.data,
      { ...listed, customer: { ...listed.customer, address: [address] } },
    ])
      t.same(await differs(t, data), { differs: [], not_returned: [] })
  })
  t.test('other values and missing fields: their names', { buffered: true }, async (t) => {
    const { email, ...customer } = listed.customer as Record<string, unknown>
    const changed = {
      customer: { ...customer, ssn: '0001', metadata: [{ attribute: 'other', value: '1' }] },
      debt_account: { ...listed.debt_account, current_balance: 1 },
    }
    t.same(await differs(t, changed), {
      differs: ['customer.ssn_last4', 'debt_account.current_balance'],
      not_returned: ['customer.email', 'customer.metadata.*'],
    })
  })
})
