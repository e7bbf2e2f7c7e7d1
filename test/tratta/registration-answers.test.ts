/** What an answer to a registration proves: errors in a 200, and a URL that Tratta has already. */
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { MINIMUM, type TestDatabase, testDatabase } from '../support/database.ts'
import { readExposition, sampleOf } from '../support/exposition.ts'
import { program, run, service } from '../support/program.ts'
import { trattaSettings } from './settings.ts'
import { type FakeAnswer, startFakeTratta } from './start-fake-tratta.ts'

t.jobs = 3

const TAKEN: FakeAnswer = { status: 422, body: { errors: { url: ['The url has already been taken.'] } } }
const EXISTS = 'POST /just-in-time: Tratta rejected the request (422): url: The url has already been taken'

const storedRow = async (database: TestDatabase) =>
  (await database.query('select state, maybe_accepted, last_error from tratta_jit.registrations'))[0]
const proceed = (database: TestDatabase) =>
  database.query('update tratta_jit.registrations set next_attempt_at = now()')
const registrationOf = async (url: string) =>
  ((await (await fetch(`${url}/health/ready`)).json()) as { registration: string }).registration

/** Tratta calls the URL of `serve` for a trigger and returns what it gets. */
async function relay(url: string, id: string): Promise<FakeAnswer> {
  const answer = await fetch(`${url}?debt_account_external_id=${id}`)
  return { status: answer.status, body: await answer.text() }
}

for (const [name, body, message] of [
  ['success: false', { success: false, message: 'Plan does not include JIT' }, 'Plan does not include JIT'],
  ['an error', { error: 'Not enabled', errorCode: 7 }, 'Not enabled 7'],
  ['errors', { data: null, errors: { url: ['is not reachable'] } }, 'url: is not reachable'],
] as const)
  t.test(`200 with ${name} is a rejection`, { buffered: true }, async (t) => {
    const database = await testDatabase(t)
    const tratta = await startFakeTratta(t, () => ({ status: 200, body }))
    const env = trattaSettings(database.url, tratta.url)
    const { line, url } = await service(t, database.url, env)
    const error = `POST /just-in-time: Tratta returned an error (200): ${message}`
    t.match(await line(({ event }) => event === 'registration_rejected'), { level: 'error', message: error })
    t.equal(await registrationOf(url), 'rejected')
    t.match(await storedRow(database), { state: 'rejected', last_error: error })
    await proceed(database)
    t.same(await run(t, ['register'], env), { code: 1, stdout: '', stderr: `${error}\n`, lines: [] })
    t.same(tratta.requests, ['POST /just-in-time', 'POST /just-in-time'])
  })

for (const [name, lost] of [
  ['a closed connection', { status: 200, isLost: true }],
  ['a 503 of a gateway', { status: 503 }],
  ['a 500', { status: 500 }],
] as const)
  for (const answer of [TAKEN, { status: 409 }])
    t.test(`${answer.status} after ${name} is a registration`, { buffered: true }, async (t) => {
      const database = await testDatabase(t)
      const answers: FakeAnswer[] = [lost, answer]
      const tratta = await startFakeTratta(t, () => answers.shift()!)
      const env = trattaSettings(database.url, tratta.url)
      // `register` retries after a 503 by itself.
      const first = lost.status === 503 ? undefined : await run(t, ['register'], env)
      if (first) {
        t.equal(first.code, 1)
        t.match(await storedRow(database), { state: 'failed', maybe_accepted: true })
      }
      await proceed(database)
      t.match(await run(t, ['register'], env), { code: 0, stdout: /^Registered /, stderr: '' })
      t.match(await storedRow(database), { state: 'registered', last_error: null })
      t.same(tratta.requests, ['POST /just-in-time', 'POST /just-in-time'])
    })

t.test('already taken after a kill during the POST is a registration', { buffered: true }, async (t) => {
  const database = await testDatabase(t)
  let isFirst = true
  const tratta = await startFakeTratta(t, async () => {
    if (!isFirst) return TAKEN
    isFirst = false
    return new Promise<FakeAnswer>(() => {})
  })
  const env = { ...trattaSettings(database.url, tratta.url), HOST: '127.0.0.1', PORT: '0', ADMIN_PORT: '0' }
  const killed = program(t, ['serve'], env)
  while (tratta.requests.length === 0) await pause(20)
  killed.process.kill('SIGKILL')
  await killed.ended
  await proceed(database)
  const { line } = await service(t, database.url, env)
  await line(({ event }) => event === 'registered')
  t.match(await storedRow(database), { state: 'registered' })
})

t.test(
  'already taken without an earlier attempt: not proven, and shown; `trigger` proves it',
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    let serviceUrl = ''
    const tratta = await startFakeTratta(t, ({ path, form }) =>
      path === '/just-in-time'
        ? TAKEN
        : relay(serviceUrl, form.get('debt_account_external_id')!).then((answer) => ({
            ...answer,
            status: 200,
          })),
    )
    const env = trattaSettings(database.url, tratta.url)
    const { line, url, adminUrl } = await service(t, database.url, env)
    serviceUrl = `${url}/jit/${env.JIT_SECRET}`
    t.match(await line(({ event }) => event === 'already_registered'), {
      level: 'warn',
      message: EXISTS,
      remedy: 'tratta-jit trigger ID proves that Tratta calls this URL',
    })
    t.equal(await registrationOf(url), 'already_registered')
    t.match(await storedRow(database), { state: 'already_registered', last_error: EXISTS })
    const metrics = async () => (await fetch(`${adminUrl}/metrics`)).text()
    const state = async (state: string) =>
      sampleOf(readExposition(await metrics()), 'tratta_jit_registration_state', { state })
    t.same([await state('already_registered'), await state('registered')], [1, 0])
    t.equal((await metrics()).includes('\ntratta_jit_registered_timestamp_seconds '), false)

    const checked = await run(t, ['check', '--json'], env)
    t.match(
      checked.lines.find(({ check }) => check === 'registration'),
      {
        state: 'warning',
        message:
          /^Tratta has http:\/\/127\.0\.0\.1:1 \(.*\), registered by an earlier start or by somebody else$/,
        remedy: 'run `tratta-jit trigger ID`: it proves that Tratta calls this URL',
      },
    )
    await proceed(database)
    t.match(await run(t, ['register'], env), {
      code: 3,
      stdout: `${tratta.url} has http://127.0.0.1:1/jit/… already, registered by an earlier start or by somebody else.\nRun \`tratta-jit trigger ID\`: it proves that Tratta calls this URL.\n`,
      stderr: '',
    })
    await proceed(database)
    t.same((await run(t, ['register', '--json'], env)).lines, [
      { already_registered: 'http://127.0.0.1:1/jit/…', at: tratta.url },
    ])

    await database.query(MINIMUM)
    t.match(await run(t, ['trigger', '123456'], env), { code: 0 })
    t.match(await storedRow(database), { state: 'registered', last_error: null })
    const later = await service(t, database.url, env)
    await later.line(({ event }) => event === 'registered')
    t.equal(tratta.requests.filter((one) => one.endsWith('/just-in-time')).length, 3, 'registered no more')
  },
)

for (const [name, status, proven] of [
  ['a call for an account', 200, true],
  ['our own error, relayed', 500, true],
  ['a trigger that fails', 502, false],
] as const)
  t.test(
    `already taken, with an account: ${name} ${proven ? 'proves' : 'does not prove'} it`,
    { buffered: true },
    async (t) => {
      const database = await testDatabase(t)
      await database.query(MINIMUM)
      if (status === 500)
        await database.query(`create schema agency;
        create view agency.debt_accounts as select external_id, null::bigint as balance from tratta_jit.debt_accounts;
        create view agency.customers as select * from tratta_jit.customers;
        create view agency.locations as select * from tratta_jit.locations`)
      let respond = (_id: string): Promise<FakeAnswer> | FakeAnswer => ({ status: 502 })
      const tratta = await startFakeTratta(t, ({ path, form }) =>
        path === '/just-in-time' ? TAKEN : respond(form.get('debt_account_external_id')!),
      )
      const env = {
        ...trattaSettings(database.url, tratta.url),
        ...(status === 500 && { DATABASE_SCHEMA: 'agency' }),
      }
      // Without a registration, to know the port before the trigger.
      const answering = await service(t, database.url, { ...env, TRATTA_REGISTER: 'off' })
      if (status !== 502) respond = (id) => relay(`${answering.url}/jit/${env.JIT_SECRET}`, id)
      const { line, url } = await service(t, database.url, env)
      const event = proven ? 'registered' : 'already_registered'
      t.match(
        await line((one) => one.event === event),
        proven ? { proven_by: 'trigger' } : { message: EXISTS },
      )
      t.equal(await registrationOf(url), event)
      t.match(await storedRow(database), { state: event })
      t.same(tratta.requests, ['POST /just-in-time', 'POST /just-in-time/trigger'])
    },
  )

t.test(
  'already taken after `register` registered it: it is a registration',
  { buffered: true },
  async (t: Test) => {
    const database = await testDatabase(t)
    const answers: FakeAnswer[] = [{ status: 201, body: { data: {} } }, TAKEN]
    const tratta = await startFakeTratta(t, () => answers.shift()!)
    const env = trattaSettings(database.url, tratta.url)
    t.match(await run(t, ['register'], env), { code: 0 })
    await proceed(database)
    t.match(await run(t, ['register'], env), { code: 0, stdout: /^Registered / })
  },
)
