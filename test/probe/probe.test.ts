/** `probe` as a program, against a simulated Tratta with its default settings and its default rate limit. */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { EXPERIMENTS } from '../../src/probe/experiments.ts'
import { isSandbox } from '../../src/probe/sandbox.ts'
import { createSimulator, type SimulatorOptions } from '../../src/simulator/create-simulator.ts'
import { READING_SOURCES } from '../../src/tratta/readings.ts'
import { freePort } from '../support/child-process.ts'
import { testDatabase } from '../support/database.ts'
import { program, run, SECRET } from '../support/program.ts'
import { hasPseudoTerminal, programOnTerminal } from '../support/pseudo-terminal.ts'
import { trattaSettings } from '../tratta/settings.ts'

// Each test has its own database and its own simulated Tratta.
t.jobs = 3

const NAMES = EXPERIMENTS.filter(({ isOptIn }) => !isOptIn).map(({ name }) => name)

async function startTratta(t: Test, options: SimulatorOptions = {}) {
  const database = await testDatabase(t)
  const simulator = await createSimulator(options)
  t.teardown(() => simulator.close())
  const port = String(await freePort())
  const env: Record<string, string> = {
    ...trattaSettings(database.url, simulator.url, `http://127.0.0.1:${port}`),
    HOST: '127.0.0.1',
    PORT: port,
  }
  return { database, simulator, env, probe: (...words: string[]) => run(t, ['probe', ...words], env) }
}

const unlimited = { requestsPerMinute: Number.POSITIVE_INFINITY }

t.test('with the default rate limit: everything is as assumed, in less than two minutes', async (t) => {
  const { database, simulator, env, probe } = await startTratta(t)
  t.match(await run(t, ['register'], env), { code: 0 })
  const file = join(t.testdir(), 'probe.jsonl')
  const start = performance.now()
  const { code, stderr, lines } = await probe('--yes', '--json', '--save', file)
  t.comment(`${Math.round((performance.now() - start) / 1000)} s, ${simulator.requests.length} requests`)
  t.ok(performance.now() - start < 120_000)
  t.same(
    lines.map(({ experiment, result }) => [experiment, result]),
    NAMES.map((name) => [name, 'as_assumed']),
  )
  t.ok(lines.every(({ found }) => typeof found === 'string' && found !== ''))
  t.same([code, stderr], [0, ''])
  t.equal(simulator.requests.filter(({ status }) => status === 429).length, 0)
  t.equal(simulator.jitUrls.at(-1), `${env.PUBLIC_URL}/jit/${SECRET}`, 'the earlier URL is registered again')
  t.same(await database.query('select distinct result, api_url, version from tratta_jit.readings'), [
    { result: 'as_assumed', api_url: simulator.url, version: '0.1.0' },
  ])
  t.equal((await database.query('select from tratta_jit.readings')).length, NAMES.length)

  t.equal(statSync(file).mode & 0o777, 0o600)
  const saved = readFileSync(file, 'utf8')
  const [first, ...exchanges] = saved
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  t.same(first, { program: 'tratta-jit', version: '0.1.0' })
  t.match(
    exchanges.find(({ experiment }) => experiment === 'bulk_answer'),
    {
      request: {
        method: 'POST',
        path: '/bulk',
        body: [
          {
            customer: { external_id: /^Probe-/, name: /^string of \d+$/ },
            debt_accounts: [{ balance: 'number' }],
          },
        ],
      },
      answer: {
        status: 200,
        headers: /content-type/,
        body: { data: { bulk_id: 'string of 36', count: 'number', status: 'pending' } },
      },
    },
  )
  for (const secret of [
    SECRET,
    'simulated-token',
    '127.0.0.1',
    ...simulator.jitUrls.map((url) => url.slice(-32)),
  ])
    t.notOk(saved.includes(secret), 'no token, no URL, no secret')

  const again = await probe('--yes', '--only', 'wrong_token', '--save', file)
  t.equal(again.code, 2)
  t.match(again.stderr, 'probe.jsonl exists. Name a new file for --save.')
  t.equal(readFileSync(file, 'utf8'), saved, 'the file is not changed')
})

t.test('docs/tratta.md lists every experiment with what is assumed, and its setting', async (t) => {
  const settings = new Map<string, string>(
    Object.values(READING_SOURCES).map(({ experiment, setting }) => [experiment, `\`${setting}\``]),
  )
  const [, section = ''] = readFileSync('docs/tratta.md', 'utf8').split('\n## Probe\n')
  t.same(
    section.split('\n').filter((line) => line.startsWith('| `')),
    EXPERIMENTS.map(({ name, assumed, isOptIn }) => {
      const note = isOptIn ? ' (only with `--only`)' : ''
      return `| \`${name}\`${note} | ${assumed} | ${settings.get(name) ?? ''} |`
    }),
  )
})

t.test('only a sandbox or this machine', async (t) => {
  for (const url of [
    'https://0d9c.sandbox.tratta.io/api/v1',
    'https://0d9c.SANDBOX.tratta.io/api/v1',
    'https://a.b.sandbox.tratta.io',
    'http://127.0.0.1:8090/api/v1',
    'http://localhost:8090',
    'http://[::1]:8090',
  ])
    t.ok(isSandbox(url), url)
  for (const url of [
    'https://0d9c.production.tratta.io/api/v1',
    'https://0d9c.sandbox.production.tratta.io/api/v1',
    'http://0d9c.sandbox.tratta.io/api/v1',
    'https://sandbox.evil.example/api/v1',
    'https://evil.sandbox',
    'https://my-sandbox.tratta.io',
    'https://sandboxes.tratta.io',
    'https://tratta.io/.sandbox./api/v1',
    'https://evil.example/?x.sandbox.tratta.io',
    'http://localhost.evil.example',
  ])
    t.notOk(isSandbox(url), url)
  const { env, simulator } = await startTratta(t)
  const production = { ...env, TRATTA_API_URL: 'https://0d9c.production.tratta.io/api/v1' }
  const { code, stdout, stderr } = await run(t, ['probe', '--yes'], production)
  t.same([code, stdout], [2, ''])
  t.match(stderr, /runs against a sandbox only\. Set TRATTA_API_URL to https:/)
  t.equal(simulator.requests.length, 0)
})

t.test('without a terminal --yes is needed; --only takes the name of an experiment', async (t) => {
  const { simulator, probe } = await startTratta(t, unlimited)
  t.match(await probe(), { code: 2, stderr: /^--yes is needed without a terminal/ })
  t.match(await probe('--yes', '--only', 'nothing'), {
    code: 2,
    stderr: /--only must be one of wrong_token, /,
  })
  t.equal(simulator.requests.length, 0)
  const one = await probe('--yes', '--only', 'existing_customers')
  t.same([one.code, one.stderr], [0, ''])
  t.match(
    one.stdout,
    /\nas assumed {2}existing_customers {2}accounts are added to a known customer\n\n1 as assumed, 0 differ, 0 undecided\n$/,
  )
  t.ok(simulator.requests.length < 15, `${simulator.requests.length} requests`)
})

t.test('--only rate_limit finds out the limit and its header', async (t) => {
  const { simulator, env, probe } = await startTratta(t, { requestsPerMinute: 20, retryAfter: true })
  Object.assign(env, { TRATTA_REQUESTS_PER_MINUTE: '60' })
  const limited = probe('--yes', '--json', '--only', 'rate_limit')
  while (!simulator.requests.some(({ status }) => status === 429)) await pause(20)
  simulator.configure({ requestsPerMinute: 1000 })
  const { code, lines } = await limited
  t.equal(code, 0)
  t.match(lines, [
    {
      experiment: 'rate_limit',
      result: 'differs',
      value: '20',
      found: /^429 after 20 requests with retry-after: \d+; accepted again \d+ s after the first$/,
      effect: 'set TRATTA_REQUESTS_PER_MINUTE to 20',
    },
  ])
})

t.test('what Tratta must call is undecided without PUBLIC_URL, and if the port is in use', async (t) => {
  const { simulator, env } = await startTratta(t, unlimited)
  const { PUBLIC_URL, ...without } = env
  for (const [settings, found] of [
    [without, 'PUBLIC_URL is not set, so Tratta cannot call us'],
    [
      { ...env, PORT: new URL(simulator.url).port },
      `port ${new URL(simulator.url).port} is in use: stop \`serve\` while the probe runs`,
    ],
  ] as const) {
    const { code, lines, stderr } = await run(
      t,
      ['probe', '--yes', '--json', '--only', 'ssn_last4'],
      settings,
    )
    t.same(lines, [{ experiment: 'ssn_last4', result: 'undecided', found }])
    t.same([code, stderr], [3, ''])
  }
  t.same(simulator.jitUrls, [], 'nothing is registered')
})

t.test('a registration that is not of these settings: says to register', async (t) => {
  const { simulator, probe } = await startTratta(t, unlimited)
  const { code, stderr } = await probe('--yes', '--only', 'url_slash')
  t.same([code, stderr], [0, 'Tratta calls a throw-away URL of the probe now: run `tratta-jit register`\n'])
  t.equal(simulator.jitUrls.length, 3)
})

t.test('a difference that is not supported ends with exit code 3, and says what follows', async (t) => {
  const { probe, database } = await startTratta(t, { ...unlimited, bulkAnswer: 'no_bulk_id' })
  const { code, stdout } = await probe('--yes', '--only', 'bulk_answer')
  t.equal(code, 3)
  t.match(
    stdout,
    /differs {5}bulk_answer {9}200 without a bulk_id \(assumed: .*\)\n\nBecause of the differences:\n- bulk_answer: not supported: errors of uploads cannot be read/,
  )
  t.same(await database.query('select name, value, result from tratta_jit.readings'), [
    { name: 'bulk_answer', value: 'no_bulk_id', result: 'unsupported' },
  ])
})

t.test('SIGINT ends it, keeps what was found, and registers the earlier URL again', async (t) => {
  const { simulator, env, database } = await startTratta(t, unlimited)
  t.match(await run(t, ['register'], env), { code: 0 })
  const running = program(t, ['probe', '--yes'], env)
  // The experiment of the timeout takes 10 s.
  while (!/\nas assumed {2}trigger_errors/.test(running.stdout())) await pause(50)
  running.process.kill('SIGINT')
  t.match(await running.ended, { code: 1 })
  t.match(
    running.stderr(),
    /Registered http:\S+\/jit\/… again\nStopped after \d+ of \d+ experiments\. Their results are stored\.\n$/,
  )
  t.notMatch(running.stdout(), 'call_timeout')
  t.equal(simulator.jitUrls.at(-1), `${env.PUBLIC_URL}/jit/${SECRET}`)
  const stored = (await database.query('select name from tratta_jit.readings')).map(({ name }) => name)
  t.same(stored.sort(), NAMES.slice(0, NAMES.indexOf('call_timeout')).sort())
})

t.test(
  'on a terminal it asks',
  { skip: hasPseudoTerminal ? false : 'needs `script` of util-linux' },
  async (t) => {
    const { simulator, env } = await startTratta(t, unlimited)
    for (const [typed, code] of [
      ['n\n', 1],
      ['y\n', 0],
    ] as const) {
      const running = programOnTerminal(t, ['probe', '--only', 'wrong_token'], env)
      await running.shows(/Tratta sends an e-mail .*[\s\S]*Continue\? \[y\/N\] /)
      t.equal(simulator.requests.length, 0)
      running.process.stdin!.write(typed)
      t.equal(await running.ended, code)
    }
    t.equal(simulator.requests.length, 1)
  },
)

t.test('the database is not up to date', async (t) => {
  const database = await testDatabase(t, { migrated: false })
  const env = trattaSettings(database.url, 'http://127.0.0.1:1/api/v1')
  const { code, stderr } = await run(t, ['probe', '--yes', '--only', 'wrong_token'], env)
  t.same([code, stderr], [1, 'The database is not up to date: run `tratta-jit migrate` first\n'])
})
