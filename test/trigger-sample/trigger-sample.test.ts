/** `trigger --sample N`, run as a program against a simulated Tratta and `serve`. */
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { seedPortfolio } from '../bulk/seed-portfolio.ts'
import { testDatabase } from '../support/database.ts'
import { program, run, SECRET, service } from '../support/program.ts'
import { startSimulator } from '../support/simulator.ts'
import { trattaSettings } from '../tratta/settings.ts'
import { startFakeTratta } from '../tratta/start-fake-tratta.ts'

t.jobs = 2

const FAST = { TRATTA_REQUESTS_PER_MINUTE: '60000' }
const PERSONAL = /Person \d|person\.\d|\(206\)|Main St|19[4-9]\d-\d\d-\d\d/

async function started(t: Test, customers: number, options = {}, serveEnv: Record<string, string> = {}) {
  const database = await testDatabase(t)
  await seedPortfolio(database, customers)
  const { simulator } = await startSimulator(t, {
    requestsPerMinute: Number.POSITIVE_INFINITY,
    unknownParents: 'accept',
    ...options,
  })
  const { url } = await service(t, database.url, serveEnv)
  const env = { ...trattaSettings(database.url, simulator.url, url), ...FAST }
  const register = () => run(t, ['register'], env)
  const idsOf = async (where: string) =>
    (
      await database.query(
        `select account.external_id from tratta_jit.debt_accounts account
         left join tratta_jit.customers customer on customer.external_id = customer_external_id where ${where} order by 1`,
      )
    ).map(({ external_id }) => String(external_id))
  return { database, simulator, env, register, idsOf }
}

const sorted = (lines: Record<string, unknown>[]) =>
  lines.map(({ external_id }) => String(external_id)).sort()

t.test('three kinds of rejections and an error of ours: all are found', { buffered: true }, async (t) => {
  const { database, simulator, env, register, idsOf } = await started(t, 60, {
    rejectedValues:
      'customer.phone=0007,debt_account.external_account_number=N-2,debt_account.metadata.*=2026-11',
  })
  await database.query(`
    create schema agency;
    create view agency.debt_accounts as
      select external_id, customer_external_id, location_external_id, external_account_number, metadata, current_balance,
        nullif(balance, 1010) as balance
      from tratta_jit.debt_accounts;
    create view agency.customers as select * from tratta_jit.customers;
    create view agency.locations as select * from tratta_jit.locations`)
  const { url } = await service(t, database.url, { DATABASE_SCHEMA: 'agency' })
  Object.assign(env, { DATABASE_SCHEMA: 'agency', PUBLIC_URL: url })
  await register()
  const phone = await idsOf("phone like '%0007%'")
  const number = await idsOf("external_account_number like '%N-2%'")
  const metadata = await idsOf("account.metadata::text like '%2026-11%'")
  const unsendable = await idsOf('balance = 1010')
  const all = await idsOf('true')
  const rejected = [...new Set([...phone, ...number, ...metadata])]
    .filter((id) => !unsendable.includes(id))
    .sort()

  const { code, lines, stderr } = await run(t, ['trigger', '--sample', '500', '--json'], env)
  t.equal(code, 3)
  t.equal(stderr, '')
  const accounts = lines.filter(({ event }) => event === 'account')
  const resultIs = (result: string) => accounts.filter((one) => one.result === result)
  t.same(sorted(accounts), all)
  t.same(sorted(resultIs('rejected')), rejected)
  t.same(sorted(resultIs('our_error')), unsendable)
  t.ok(unsendable.length > 0 && phone.length > 0 && number.length > 0 && metadata.length > 0)
  const summary = lines.at(-1) as Record<string, unknown> & {
    rejections: { reason: string; accounts: number; examples: string[] }[]
    errors: { reason: string; accounts: number }[]
  }
  const without = (ids: string[]) => ids.filter((id) => !unsendable.includes(id)).length
  t.match(summary, {
    event: 'summary',
    accounts: all.length,
    accepted: all.length - rejected.length - unsendable.length,
    rejected: rejected.length,
    our_errors: unsendable.length,
    no_answer: 0,
    left: 0,
    unanswered: [],
    differs: [],
    not_returned: [],
  })
  t.same(Object.fromEntries(summary.rejections.map(({ reason, accounts }) => [reason, accounts])), {
    'customer.phone: The customer.phone field format is invalid.': without(phone),
    'debt_account.external_account_number: The debt account.external account number field format is invalid.':
      without(number),
    'debt_account.metadata.placement: The debt account.metadata.placement field format is invalid.':
      without(metadata),
  })
  t.ok(
    summary.rejections.every(
      ({ examples }) => examples.length >= 1 && examples.every((id) => rejected.includes(id)),
    ),
  )
  t.match(summary.errors, [
    { reason: /^account_not_sendable: .*debt_account\.balance/, accounts: unsendable.length },
  ])
  t.match(summary.our_ms, { of: 'serve' })
  for (const name of ['our_ms', 'tratta_ms']) {
    const { p50, p95, worst } = summary[name] as { p50: number; p95: number; worst: number }
    t.ok(p50 > 0 && p50 <= p95 && p95 <= worst, `${name}: ${p50} ${p95} ${worst}`)
  }
  t.equal(simulator.requests.filter(({ url }) => url.endsWith('/trigger')).length, all.length)

  await t.test('the text, and a new sample after a complete one', async (t) => {
    const { code, stdout, stderr } = await run(t, ['trigger', '--sample', '500'], env)
    t.equal(code, 3)
    t.equal(stderr, '')
    t.match(
      stdout,
      new RegExp(
        `^${all.length} accounts: ${summary.accepted} accepted, ${rejected.length} rejected by Tratta, ${unsendable.length} answered with an error by tratta-jit, 0 without an answer of Tratta\n\nRejected by Tratta\n  \\d+ × .*, e\\.g\\. A-\\S+, A-\\S+, A-\\S+\n`,
      ),
    )
    t.match(
      stdout,
      /\nLatency\n {2}tratta-jit.* p50 [\d.]+ ms, p95 [\d.]+ ms, worst [\d.]+ ms\n {2}Tratta, with tratta-jit/,
    )
    const rows = JSON.stringify(await database.query('select * from tratta_jit.trigger_samples'))
    for (const text of [stdout, JSON.stringify(lines), rows]) {
      t.notMatch(text, PERSONAL)
      t.notMatch(text, new RegExp(`${SECRET}|simulated-token`))
    }
  })
})

t.test('Ctrl-C ends with a report, and the same command resumes', { buffered: true }, async (t) => {
  const { database, simulator, env, register } = await started(t, 120)
  await register()
  const slow = { ...env, TRATTA_REQUESTS_PER_MINUTE: '1200' }
  const first = program(t, ['trigger', '--sample', '100', '--json'], slow)
  while (first.lines().filter(({ event }) => event === 'account').length < 20) await pause(20)
  first.process.kill('SIGINT')
  t.same(await first.ended, { code: 1, signal: null })
  t.equal(first.stderr(), 'Stopped. The results are stored: run the same command again to resume.\n')
  const done = first.lines().filter(({ event }) => event === 'account').length
  t.match(first.lines().at(-1), { event: 'summary', accounts: 100, accepted: done, left: 100 - done })
  t.ok(done >= 20 && done < 100, `${done} done`)

  const second = await run(t, ['trigger', '--sample', '100'], env)
  t.equal(second.code, 0)
  t.match(
    second.stdout,
    new RegExp(
      `^Resumes the sample of \\S+: ${100 - done} of 100 accounts are left\n\n100 accounts: 100 accepted`,
    ),
  )
  const triggered = simulator.requests.filter(({ url }) => url.endsWith('/trigger')).map(({ body }) => body)
  t.equal(triggered.length, 100, 'each account once')
  t.equal(new Set(triggered).size, 100)
  t.same(await database.query('select count(*)::int as rows from tratta_jit.trigger_samples'), [
    { rows: 100 },
  ])
})

t.test('what stops a sample', { buffered: true }, async (t) => {
  const { simulator, env, register } = await started(t, 60)
  const triggers = () => simulator.requests.filter(({ url }) => url.endsWith('/trigger')).length
  await register()
  t.test('a wrong token', async (t) => {
    const { code, stdout, stderr } = await run(t, ['trigger', '--sample', '20'], {
      ...env,
      TRATTA_API_TOKEN: 'wrong',
    })
    t.equal(code, 1)
    t.match(stdout, /^20 accounts: 0 accepted, .*, 20 not triggered yet\n$/)
    t.match(stderr, /^Stopped\. The results are stored.*\n.*does not accept the token \(401\)/)
  })
  t.test('a Tratta without answers', async (t) => {
    await simulator.injectFaults({ kind: 'status', status: 500 })
    const before = triggers()
    const { code, stdout, stderr } = await run(t, ['trigger', '--sample', '90'], env)
    t.equal(code, 1)
    t.match(
      stdout,
      /without an answer of Tratta, \d+ not triggered yet\n\nWithout an answer of Tratta: it is unknown/,
    )
    t.match(stderr, /Tratta gave no answer for 20 accounts in a row\n$/)
    t.ok(triggers() - before < 30)
    await simulator.injectFaults()
  })
})

t.test(
  'a sample while nothing is registered: one message, and nothing is lost',
  { buffered: true },
  async (t) => {
    const { env, register } = await started(t, 60)
    const { code, stderr } = await run(t, ['trigger', '--sample', '30'], env)
    t.equal(code, 1)
    t.match(
      stderr,
      /Not registered yet: run `tratta-jit register`\. .*No just in time endpoint has been created/,
    )
    await register()
    t.match(await run(t, ['trigger', '--sample', '30'], env), {
      code: 0,
      stdout: /^Resumes .*\n\n30 accounts: 30 accepted/,
    })
  },
)

t.test('our error that Tratta wraps, and a rejection without fields', { buffered: true }, async (t) => {
  const { database, env, register } = await started(t, 30, {
    jitErrors: 'wrap',
    triggerErrors: 'message',
    rejectedValues: 'customer.phone=0007',
  })
  // A child of another customer's parent cannot be sent.
  await database.query(
    `update tratta_jit.debt_accounts set customer_external_id = 'C-1' where external_id = 'A-4'`,
  )
  await register()
  const { code, lines } = await run(t, ['trigger', '--sample', '500', '--json'], env)
  t.equal(code, 3)
  const resultOf = (id: string) => {
    const { result, reasons } = lines.find(({ external_id }) => external_id === id)!
    return { result, reasons }
  }
  t.match(resultOf('A-4-child-1'), { result: 'our_error', reasons: [/^Tratta would get an error: /] })
  t.match(resultOf('A-7'), { result: 'rejected', reasons: [/\(422\): The given data was invalid/] })
  t.match(lines.at(-1), { no_answer: 0, left: 0 })
})

t.test('fields that Tratta returns with another value, or not at all', { buffered: true }, async (t) => {
  const database = await testDatabase(t)
  await database.query(readFileSync('sample/accounts.sql', 'utf8'))
  const tratta = await startFakeTratta(t, async ({ path, form }) => {
    if (path === '/just-in-time') return { status: 201 }
    const external_id = form.get('debt_account_external_id')
    return { status: 200, body: { data: { debt_account: { id: 1, external_id, balance: -1 } } } }
  })
  const env = { ...trattaSettings(database.url, tratta.url), ...FAST }
  await run(t, ['register'], env)
  const { code, lines } = await run(t, ['trigger', '--sample', '500', '--json'], env)
  t.equal(code, 0)
  const count = (await database.query('select from tratta_jit.debt_accounts')).length
  t.match(lines.at(-1), { accepted: count, differs: [{ reason: 'debt_account.balance', accounts: count }] })
  const names = (lines.at(-1)!.not_returned as { reason: string }[]).map(({ reason }) => reason)
  t.ok(names.includes('debt_account.current_balance') && names.includes('debt_account.metadata'))
  t.notMatch(names, /customer/)
})

t.test('the times of the call log are shown as those of tratta-jit', { buffered: true }, async (t) => {
  const { database, env, register } = await started(t, 30, {}, { CALL_LOG_DAYS: '0' })
  await register()
  const first = await run(t, ['trigger', '--sample', '40', '--json'], env)
  t.equal(first.code, 0)
  t.match(first.lines.at(-1), { our_ms: { of: 'lookup' } })
  await database.query(`
    insert into tratta_jit.calls (time, request_id, external_id, outcome, ms, replica)
      select finished_at, 'r' || position, external_id, 'answered', 1000 + position, 'test'
      from tratta_jit.trigger_samples;
    update tratta_jit.trigger_samples set result = null where position = 40`)
  const second = await run(t, ['trigger', '--sample', '40', '--json'], env)
  t.match(second.lines.at(-1), { our_ms: { p50: 1020, p95: 1038, of: 'serve' } })
})

t.test('usage', { buffered: true }, async (t) => {
  for (const args of [['trigger'], ['trigger', 'A-1', '--sample', '5']])
    t.match(await run(t, args), { code: 2, stderr: /^trigger needs an ID or --sample N/ })
  for (const sample of ['0', 'x', '10001', '1.5'])
    t.match(await run(t, ['trigger', '--sample', sample]), {
      code: 2,
      stderr: /^--sample must be a number of accounts from 1 to 10000/,
    })
})
