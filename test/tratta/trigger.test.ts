import { readFileSync } from 'node:fs'
import t from 'tap'
import { AGENCY_SCHEMA } from '../support/agency-schema.ts'
import { MINIMUM, testDatabase } from '../support/database.ts'
import { run, SECRET, service } from '../support/program.ts'
import { startSimulator } from '../support/simulator.ts'
import { trattaSettings } from './settings.ts'

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
    stdout: /not found at Tratta \(404\): No just in time endpoint has been created/,
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
