/** ADMIN_PORT: metrics, health with details, and the description of the API. */
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { Validator } from '@seriousme/openapi-schema-validator'
import Ajv2020 from 'ajv/dist/2020.js'
import pg from 'pg'
import t from 'tap'
import { migrationNames } from '../../src/database/migrate.ts'
import { startEmbeddedPostgres } from '../../src/development/embedded-postgres.ts'
import { CALL_OUTCOMES } from '../../src/responder/problem.ts'
import { VERSION } from '../../src/version.ts'
import { AGENCY_SCHEMA } from '../support/agency-schema.ts'
import { call, tally } from '../support/calls.ts'
import { MINIMUM, type TestDatabase, testDatabase } from '../support/database.ts'
import { type Family, readExposition, sampleOf } from '../support/exposition.ts'
import { SECRET, type Service, service } from '../support/program.ts'
import { passes } from '../support/run-external-program.ts'

// Each test has a database of its own, and waits most of the time.
t.jobs = 3

const TRATTA = 'http://127.0.0.1:9/api/v1'
const PUBLIC_URL = 'https://jit.agency.example'

/** Like Prometheus, which times out after ten seconds. */
async function scrape(adminUrl: string) {
  const response = await fetch(`${adminUrl}/metrics`, { signal: AbortSignal.timeout(10_000) })
  if (response.status !== 200) throw new Error(`the status of the scrape is ${response.status}`)
  const text = await response.text()
  return { text, families: readExposition(text) }
}

/** The status is cached for a second, and on a busy machine its first read can time out. */
async function scrapeUntil(adminUrl: string, expected: Record<string, number>) {
  for (;;) {
    const { families } = await scrape(adminUrl)
    if (Object.entries(expected).every(([name, value]) => sampleOf(families, name) === value)) return families
    await pause(100)
  }
}

const scrapeWithStatus = (adminUrl: string) =>
  scrapeUntil(adminUrl, { tratta_jit_operational_status_read: 1 })

const outcomes = (families: Map<string, Family>) =>
  Object.fromEntries(
    families
      .get('tratta_jit_calls_total')!
      .samples.flatMap(({ labels, value }) => (value > 0 ? [[labels.outcome, value]] : [])),
  )

const jitUrl = ({ url }: Service, id: string, secret = SECRET) =>
  `${url}/jit/${secret}?debt_account_external_id=${id}`

async function statusOf(url: string, init?: RequestInit) {
  const response = await fetch(url, init)
  await response.arrayBuffer()
  return response.status
}

/** The log lines of JIT calls. */
const callLines = ({ lines }: Service) => lines().filter(({ route }) => route === '/jit/:secret')

async function lockAccounts(url: string) {
  const client = new pg.Client(url)
  await client.connect()
  await client.query('begin; lock table agency.debt_accounts in access exclusive mode')
  return async () => {
    await client.query('rollback')
    await client.end()
  }
}

async function waitingForALock({ query }: TestDatabase) {
  const waiting = `select from pg_stat_activity
    where datname = current_database() and application_name = 'tratta-jit' and wait_event_type = 'Lock'`
  while ((await query(waiting)).length === 0) await pause(50)
}

t.test('GET /metrics: each call is counted once, by its outcome', { buffered: true }, async (t) => {
  const database = await testDatabase(t)
  await database.query(`${AGENCY_SCHEMA}
    insert into agency.customers (external_id, name, email, metadata) values
      ('c', 'Ann', 'nowhere', '{"a key of \\"theirs\\"\\n": "${'x'.repeat(300)}"}');
    insert into agency.debt_accounts (external_id, customer_external_id, balance) values ('a', 'c', 5), ('none', null, null)`)
  const running = await service(t, database.url, { DATABASE_SCHEMA: 'agency' })
  t.same(outcomes((await scrape(running.adminUrl)).families), {}, 'no call')

  for (let count = 0; count < 7; count++) t.equal(await statusOf(jitUrl(running, 'a')), 200)
  for (let count = 0; count < 5; count++) t.equal(await statusOf(jitUrl(running, 'nobody')), 404)
  t.equal(await statusOf(jitUrl(running, 'none')), 500)
  for (const id of ['', '%00']) t.equal(await statusOf(jitUrl(running, id)), 400)
  for (let guess = 0; guess < 10; guess++) t.equal(await statusOf(jitUrl(running, 'a', `${guess}`)), 404)
  for (let guess = 0; guess < 3; guess++) t.equal(await statusOf(jitUrl(running, 'a', `${guess}`)), 429)
  t.equal(await withLargeBody(jitUrl(running, 'a')), 400)
  // These requests are not calls.
  for (const path of ['/', '/health/live', '/jit', '/%zz']) await statusOf(running.url + path)
  t.equal(await statusOf(jitUrl(running, 'a'), { method: 'POST' }), 404)
  const unlock = await lockAccounts(database.url)
  const disconnecting = http.get(jitUrl(running, 'nobody')).on('error', () => {})
  await waitingForALock(database)
  disconnecting.destroy()
  await running.line(({ outcome }) => outcome === 'client_disconnected')
  t.same(await Promise.all([1, 2, 3].map(() => statusOf(jitUrl(running, 'a')))), [504, 504, 504])
  await unlock()

  const { families, text } = await settled(running)
  const expected = {
    answered: 7,
    account_not_found: 5,
    account_not_sendable: 1,
    invalid_parameter: 2,
    wrong_secret: 10,
    too_many_guesses: 3,
    malformed_request: 1,
    deadline_exceeded: 3,
    client_disconnected: 1,
  }
  t.same(outcomes(families), expected)
  t.equal(sampleOf(families, 'tratta_jit_call_duration_seconds_count'), 33)
  t.equal(callLines(running).length, 33, 'one log line each')
  t.same(
    families.get('tratta_jit_calls_total')!.samples.map(({ labels }) => labels.outcome),
    CALL_OUTCOMES,
    'every outcome is present, with 0 if it did not occur',
  )
  t.same(families.get('tratta_jit_fields_omitted_total')!.samples, [
    omitted('customer.email', 7),
    omitted('customer.metadata.*', 7),
    omitted('customer.metadata', 7),
  ])
  for (const value of [SECRET, 'theirs', 'Ann', 'nowhere', 'nobody', '127.0.0.1'])
    t.notOk(text.includes(value), `no label contains ${value}`)
  passes(t, 'promtool', ['check', 'metrics'], text)

  const strict = await service(t, database.url, { ALLOWED_CLIENTS: '203.0.113.1' })
  t.equal(await statusOf(jitUrl(strict, 'a')), 403)
  t.same(outcomes((await scrape(strict.adminUrl)).families), { client_not_allowed: 1 })
})

const omitted = (field: string, value: number) => ({
  name: 'tratta_jit_fields_omitted_total',
  labels: { field },
  value,
})

function withLargeBody(url: string) {
  return new Promise<number | undefined>((resolve, reject) => {
    http
      .request(url, { headers: { 'content-length': 1025 } }, (response) => {
        response.resume()
        response.on('end', () => resolve(response.statusCode))
      })
      .on('error', reject)
      .end('x'.repeat(1025))
  })
}

t.test('clients that disconnect at any time: as many counts as log lines', { buffered: true }, async (t) => {
  const database = await testDatabase(t)
  await database.query(`insert into tratta_jit.debt_accounts (external_id, balance) values ('a', 5)`)
  const running = await service(t, database.url)
  const agent = new http.Agent({ keepAlive: true, maxSockets: 50 })
  const disconnects = Array.from({ length: 400 }, async (_, count) => {
    const secret = count % 8 === 0 ? 'a-guess' : SECRET
    const sent = http.get(jitUrl(running, 'a', secret), { agent: false }).on('error', () => {})
    await once(sent, 'finish')
    await pause(count % 20)
    sent.destroy()
  })
  const whole = await Promise.all(Array.from({ length: 400 }, () => call(jitUrl(running, 'a'), agent)))
  await Promise.all(disconnects)
  agent.destroy()
  t.same(tally(whole), { 200: 400 })
  await running.ask('a')
  const { families } = await settled(running)
  const counted = Object.values(outcomes(families)).reduce((sum: number, count) => sum + (count as number), 0)
  t.equal(counted, callLines(running).length)
  t.equal(counted, sampleOf(families, 'tratta_jit_call_duration_seconds_count'))
  t.ok(counted > 401, `${counted - 401} requests of clients that disconnected were read`)
})

t.test(
  'a client that disconnects in the middle of a large response: client_disconnected',
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    await database.query(`
    insert into tratta_jit.debt_accounts (external_id, balance) values ('a', 5);
    insert into tratta_jit.debt_accounts (external_id, parent_external_id, external_account_number, balance)
    select 'a-' || number, 'a', repeat('7', 300), 5 from generate_series(1, 20000) as number`)
    // Larger than the buffers of a connection.
    const running = await service(t, database.url, { JIT_MAX_ANSWER_BYTES: '20000000' })
    const { host, hostname, port, pathname, search } = new URL(jitUrl(running, 'a'))
    const socket = connect(Number(port), hostname)
    socket.write(`GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    const [beginning] = await once(socket, 'data')
    t.match(String(beginning), /^HTTP\/1\.1 200/)
    socket.destroy()
    await running.line(({ outcome }) => outcome === 'client_disconnected')
    t.same(outcomes((await settled(running)).families), { client_disconnected: 1 })
  },
)

/** A scrape after all calls ended. */
async function settled(running: Service) {
  for (let tries = 0; ; tries++) {
    const before = callLines(running).length
    await pause(250)
    const { families, text } = await scrape(running.adminUrl)
    const count = sampleOf(families, 'tratta_jit_call_duration_seconds_count')
    if ((count === before && callLines(running).length === before) || tries === 40) return { families, text }
  }
}

t.test('GET /metrics and /health: the operational status in the database', { buffered: true }, async (t) => {
  const database = await testDatabase(t)
  const digest = (secret: string) => hash('sha256', `${PUBLIC_URL}/jit/${secret}`, 'hex')
  await database.query(`
    insert into tratta_jit.registrations
      (api_url, url_digest, public_url, state, attempts, requested_at, next_attempt_at, registered_at)
    values ('${TRATTA}', '${digest(SECRET)}', '${PUBLIC_URL}', 'registered', 1, now(), now(), to_timestamp(1700000000.5));
    insert into tratta_jit.bulk_targets (api_url) values ('${TRATTA}'), ('http://127.0.0.1:9/other');
    insert into tratta_jit.bulk_runs (target, kind, host, pid, resumed_at, ended_at) values
      (1, 'all', 'h', 1, now() - interval '1 hour', now()), (1, 'retry', 'h', 1, now(), null),
      (2, 'all', 'h', 1, now(), now());
    insert into tratta_jit.bulk_requests (run, state, row_count, debt_accounts) values
      (1, 'settled', 1000, 1500), (1, 'settled', 1000, 1200), (1, 'unknown', 700, 800), (2, 'to_send', 5, 5),
      (3, 'sent', 9, 9)`)
  const env = { PUBLIC_URL, TRATTA_API_URL: TRATTA, TRATTA_API_TOKEN: 'token', TRATTA_REGISTER: 'off' }
  const running = await service(t, database.url, env)
  const families = await scrapeWithStatus(running.adminUrl)
  const gauges = Object.fromEntries(
    [...families].flatMap(([name, { samples }]) =>
      /registration|registered|bulk|operational_status|ready|build|deadline/.test(name)
        ? samples.map(({ labels, value }) => [
            [name.replace('tratta_jit_', ''), ...Object.values(labels)].join(' '),
            value,
          ])
        : [],
    ),
  )
  t.same(gauges, {
    [`build_info ${VERSION} ${process.versions.node}`]: 1,
    deadline_seconds: 5,
    ready: 1,
    operational_status_read: 1,
    'registration_state off': 1,
    'registration_state pending': 0,
    'registration_state registered': 0,
    'registration_state already_registered': 0,
    'registration_state rejected': 0,
    'registration_state failed': 0,
    registered_timestamp_seconds: 1700000000.5,
    bulk_running: 0,
    bulk_open: 1,
    'bulk_requests to_send': 1,
    'bulk_requests sending': 0,
    'bulk_requests unknown': 1,
    'bulk_requests sent': 0,
    'bulk_requests settled': 2,
    'bulk_customers to_send': 5,
    'bulk_customers sending': 0,
    'bulk_customers unknown': 700,
    'bulk_customers sent': 0,
    'bulk_customers settled': 2000,
  })

  const { up_seconds, pool, ...health } = (await (
    await fetch(`${running.adminUrl}/health`)
  ).json()) as Record<string, unknown>
  t.type(up_seconds, 'number')
  t.match(pool, { total: Number, idle: Number, waiting: 0 })
  t.same(health, {
    status: 'ready',
    version: VERSION,
    node: process.versions.node,
    database: 'answers',
    registration: 'off',
    operational_status: {
      migrations: { run: await migrationNames(), pending: [] },
      registered_at: 1700000000.5,
      bulk: {
        running: false,
        open: true,
        by_state: {
          settled: { requests: 2, customers: 2000 },
          unknown: { requests: 1, customers: 700 },
          to_send: { requests: 1, customers: 5 },
        },
      },
    },
  })

  const client = new pg.Client(database.url)
  await client.connect()
  await client.query("begin; select pg_advisory_xact_lock(hashtextextended('tratta_jit.bulk', 0))")
  await client.query(`update tratta_jit.registrations set url_digest = '${digest('another')}'; commit`)
  await client.query("begin; select pg_advisory_xact_lock(hashtextextended('tratta_jit.bulk', 0))")
  const later = await scrapeUntil(running.adminUrl, { tratta_jit_bulk_running: 1 })
  t.same(later.get('tratta_jit_registered_timestamp_seconds')!.samples, [], 'another URL is registered')
  await client.end()
})

t.test(
  'GET /metrics: buckets of the call duration below two seconds and around the deadline',
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    const { adminUrl } = await service(t, database.url, { JIT_DEADLINE_MS: '3000' })
    const buckets = (await scrape(adminUrl)).families
      .get('tratta_jit_call_duration_seconds')!
      .samples.flatMap(({ labels }) => labels.le ?? [])
    const usual = ['0.001', '0.0025', '0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1']
    t.same(buckets, [...usual, '1.5', '2', '2.7', '3', '3.3', '10', '+Inf'])
  },
)

t.test(
  'GET /metrics and /health while Postgres does not answer, and while it is stopped',
  { buffered: true },
  async (t) => {
    const postgres = await startEmbeddedPostgres()
    t.teardown(() => postgres.stop())
    const running = await service(t, postgres.url)
    t.equal(sampleOf(await scrapeWithStatus(running.adminUrl), 'tratta_jit_operational_status_read'), 1)
    for (const [signal, back] of [
      ['SIGSTOP', () => postgres.signal('SIGCONT')],
      ['SIGQUIT', () => postgres.start()],
    ] as const) {
      postgres.signal(signal)
      const families = await scrapeUntil(running.adminUrl, {
        tratta_jit_ready: 0,
        tratta_jit_operational_status_read: 0,
      })
      t.same(families.get('tratta_jit_bulk_requests')!.samples, [], 'an earlier status is not shown')
      const response = await fetch(`${running.adminUrl}/health`)
      t.equal(response.status, 503)
      t.match(response.headers.get('content-type'), /^application\/problem\+json/)
      t.match(await response.json(), {
        code: 'not_ready',
        detail: 'database',
        checks: { database: 'does not answer', operational_status_error: String },
      })
      await back()
      await running.ask('nobody')
      const after = await scrapeWithStatus(running.adminUrl)
      t.equal(sampleOf(after, 'tratta_jit_ready'), 1)
      t.equal(sampleOf(after, 'tratta_jit_operational_status_read'), 1)
    }
  },
)

t.test('GET /openapi.json', { buffered: true }, async (t) => {
  const database = await testDatabase(t)
  await database.query(readFileSync('sample/accounts.sql', 'utf8'))
  await database.query(MINIMUM)
  await database.query(`${AGENCY_SCHEMA}
    insert into agency.debt_accounts (external_id, balance) values ('none', null)`)
  const running = await service(t, database.url, { PUBLIC_URL })
  const theirs = await service(t, database.url, { DATABASE_SCHEMA: 'agency' })
  const response = await fetch(`${running.adminUrl}/openapi.json`)
  // biome-ignore lint/suspicious/noExplicitAny: the validator checks it
  const api: any = await response.json()
  t.match(response.headers.get('content-type'), /^application\/json/)
  t.same(await new Validator().validate(structuredClone(api)), { valid: true })
  t.same(api.servers, [{ url: PUBLIC_URL }])
  t.same(Object.keys(api.paths), ['/jit/{secret}', '/health/live', '/health/ready'])
  t.equal(JSON.stringify(api).includes(SECRET), false)

  const ajv = new Ajv2020.default({ strict: false, validateFormats: false }).addSchema(api, 'api')
  const { responses } = api.paths['/jit/{secret}'].get
  t.same(Object.keys(responses), ['200', '400', '403', '404', '429', '500', '503', '504'])
  const asDescribed = async (url: string, status: number) => {
    const answer = await fetch(url)
    t.equal(answer.status, status)
    const [type = ''] = Object.keys(responses[status].content)
    t.ok(answer.headers.get('content-type')?.startsWith(type))
    // A reference, so that references in the schema are resolved.
    const escaped = type.replace('/', '~1')
    const described = ajv.compile({
      $ref: `api#/paths/~1jit~1%7Bsecret%7D/get/responses/${status}/content/${escaped}/schema`,
    })
    const body = await answer.json()
    t.ok(described(body), `${status}: ${ajv.errorsText(described.errors)}`)
    t.notOk(described({}), 'an empty object is not valid')
  }
  for (const id of ['A-500100', 'A-500200', 'A-500101', '123456', 'debt-account-123'])
    await asDescribed(jitUrl(running, id), 200)
  await asDescribed(jitUrl(running, ''), 400)
  await asDescribed(jitUrl(running, 'nobody'), 404)
  await asDescribed(jitUrl(running, 'a', 'a-guess'), 404)
  await asDescribed(jitUrl(theirs, 'none'), 500)
})

t.test('GET /', { buffered: true }, async (t) => {
  const database = await testDatabase(t)
  const { url, adminUrl } = await service(t, database.url)
  const response = await fetch(adminUrl)
  const page = await response.text()
  t.equal(response.status, 200)
  t.equal(response.headers.get('content-type'), 'text/html; charset=utf-8')
  const style = /<style>([^<]*)<\/style>/.exec(page)?.[1] ?? ''
  t.match(
    response.headers.get('content-security-policy'),
    `style-src 'sha256-${hash('sha256', style, 'base64')}'`,
    'the policy allows the style of the page',
  )
  t.notMatch(page, /<script|<link|<img|url\(|https?:/, 'the page loads nothing else')
  for (const word of [
    '/jit/{secret}',
    'debt_account_external_id',
    'data.customer.ssn_last4',
    'deadline_exceeded',
  ])
    t.match(page, `<code>${word}</code>`)
  for (const path of ['/', '/health', '/metrics', '/openapi.json'])
    t.equal(await statusOf(url + path), 404, `${path} is not on PORT`)
})
