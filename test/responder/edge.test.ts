/** Unusual requests of HTTP clients and proxies, and invalid HTTP. */
import http from 'node:http'
import t, { type Test } from 'tap'
import { testDatabase } from '../support/database.ts'
import { readExposition, sampleOf } from '../support/exposition.ts'
import { SECRET, type Service, service } from '../support/program.ts'
import { exchange, type RawResponse, readResponses } from '../support/raw-http.ts'

// Each test has a database of its own, and waits most of the time.
t.jobs = 3

const QUERY = 'debt_account_external_id='
const PAYLOAD = { data: { debt_account: { external_id: 'a', balance: 5 } } }
const TITLES: Record<string, string> = {
  malformed_request: 'Malformed request',
  account_not_found: 'No such debt account',
  not_found: 'Not found',
}

const oneAccount = async (t: Test, externalId = 'a') => {
  const database = await testDatabase(t)
  await database.query(
    `insert into tratta_jit.debt_accounts (external_id, balance) values ('${externalId}', 5)`,
  )
  return database
}

/** The whole body must be the problem, but for its request id, which has 16 characters. */
function sameProblem(t: Test, response: RawResponse, status: number, code: string, message = code) {
  const { request_id, ...body } = response.body as Record<string, unknown>
  t.match(request_id, /^[0-9a-f]{16}$/, `${message}: request_id`)
  t.equal(response.status, status, message)
  t.match(response.headers, {
    'content-type': /^application\/problem\+json/,
    'cache-control': 'no-store',
  })
  t.same(body, { type: 'about:blank', title: TITLES[code], status, code }, message)
}

const request = (target: string, ...lines: string[]) =>
  [`GET ${target} HTTP/1.1`, 'Host: x', ...lines, '', ''].join('\r\n')
const lastRequest = (target: string, ...lines: string[]) => request(target, ...lines, 'Connection: close')
const JIT = `/jit/${SECRET}?${QUERY}a`

const exchangeOne = async ({ url }: Service, bytes: string) => {
  const responses = readResponses(await exchange(url, bytes))
  if (responses.length !== 1) throw new Error(`${responses.length} responses`)
  return responses[0]!
}

t.test('GET /jit/{secret} with repeated and trailing slashes: 200', { buffered: true }, async (t) => {
  const database = await oneAccount(t, 'a//b/')
  const running = await service(t, database.url)
  const payload = { data: { debt_account: { external_id: 'a//b/', balance: 5 } } }
  for (const path of [`/jit/${SECRET}/`, `//jit/${SECRET}`, `/jit//${SECRET}//`, `///jit///${SECRET}///`])
    t.match(
      await exchangeOne(running, lastRequest(`${path}?${QUERY}a//b/`)),
      { status: 200, body: payload },
      path.replace(SECRET, 'S'),
    )
  const absolute = await exchangeOne(running, lastRequest(`http://x//jit/${SECRET}/?${QUERY}a//b/`))
  t.same(absolute.body, payload, 'in absolute form, with an unchanged query')
  sameProblem(
    t,
    await exchangeOne(running, lastRequest(`/base${JIT}`)),
    404,
    'not_found',
    'without a base path',
  )
  for (const { route } of running.lines().filter(({ status }) => status === 200))
    t.equal(route, '/jit/:secret')
})

t.test('GET /jit/{secret} with and without the path of PUBLIC_URL: 200', { buffered: true }, async (t) => {
  const database = await oneAccount(t)
  for (const base of ['/some/where', '/jit', '/jit/jit', '/a%20b']) {
    const running = await service(t, database.url, { PUBLIC_URL: `https://jit.agency.example${base}` })
    for (const path of [base + JIT, JIT, `/${base}/${JIT}`])
      t.same(
        (await exchangeOne(running, lastRequest(path))).body,
        PAYLOAD,
        `${base}: ${path.split(SECRET)[0]}`,
      )
    for (const path of [`/other${JIT}`, `${base}x${JIT}`, `${base}${base}${base}${JIT}`])
      sameProblem(t, await exchangeOne(running, lastRequest(path)), 404, 'not_found')
  }
})

t.test('HEAD on the health routes of both ports: 200 without a body', { buffered: true }, async (t) => {
  const database = await testDatabase(t)
  const { url, adminUrl } = await service(t, database.url)
  for (const address of [
    ...[url, adminUrl].flatMap((port) => [`${port}/health/live`, `${port}/health/ready`]),
    `${adminUrl}/health`,
  ]) {
    const response = await fetch(address, { method: 'HEAD' })
    t.equal(response.status, 200, new URL(address).pathname)
    t.equal(response.headers.get('cache-control'), 'no-store')
    t.equal(await response.text(), '')
  }
})

t.test('GET with a body: 200 up to 1 kB, 400 above', { buffered: true }, async (t) => {
  const database = await oneAccount(t)
  const running = await service(t, database.url)
  const declared = (bytes: number) =>
    `${lastRequest(JIT, 'Content-Type: application/json', `Content-Length: ${bytes}`)}${'x'.repeat(bytes)}`
  const chunked = (...sizes: number[]) =>
    lastRequest(JIT, 'Transfer-Encoding: chunked') +
    [...sizes, 0].map((size) => `${size.toString(16)}\r\n${'x'.repeat(size)}\r\n`).join('')
  for (const bytes of [declared(2), declared(1024), chunked(2), chunked(512, 512), chunked()])
    t.same((await exchangeOne(running, bytes)).body, PAYLOAD)
  for (const bytes of [declared(1025), chunked(1025), chunked(512, 512, 1)]) {
    const response = await exchangeOne(running, bytes)
    sameProblem(t, response, 400, 'malformed_request')
    t.equal(response.headers.connection, 'close')
  }
  const two = `${request(JIT, 'Content-Length: 2')}[]${lastRequest(JIT)}`
  t.same(
    readResponses(await exchange(running.url, two)).map(({ body }) => body),
    [PAYLOAD, PAYLOAD],
    'the body is not read as the next request',
  )
})

t.test('a request without Host: 400 problem+json', { buffered: true }, async (t) => {
  const database = await oneAccount(t)
  const running = await service(t, database.url)
  const response = await exchangeOne(running, `GET ${JIT} HTTP/1.1\r\nConnection: close\r\n\r\n`)
  sameProblem(t, response, 400, 'malformed_request')
  t.same((await exchangeOne(running, `GET ${JIT} HTTP/1.0\r\n\r\n`)).body, PAYLOAD, 'HTTP/1.0 needs no Host')
})

t.test(
  'invalid HTTP, and headers that are too large or incomplete: 400, 431 and 408 problem+json',
  { buffered: true },
  async (t) => {
    const database = await oneAccount(t)
    const running = await service(t, database.url)
    for (const [status, bytes] of [
      [400, 'not HTTP\r\n\r\n'],
      [431, `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
      [408, 'GET / HTTP/1.1\r\nHost: x\r\n'],
    ] as const) {
      const response = await exchangeOne(running, bytes)
      sameProblem(t, response, status, 'malformed_request')
      t.equal(response.headers.connection, 'close')
      const { request_id } = response.body as { request_id: string }
      t.match(await running.requestLine(request_id), { route: null, status, outcome: 'malformed_request' })
    }
  },
)

t.test('GET with an Expect header that is unknown: 200', { buffered: true }, async (t) => {
  const database = await oneAccount(t)
  const running = await service(t, database.url)
  for (const value of ['unknown', '200-ok', ''])
    t.strictSame((await exchangeOne(running, lastRequest(JIT, `Expect: ${value}`))).body, PAYLOAD)
})

t.test(
  'invalid HTTP pipelined after valid requests: responses in the order of the requests',
  { buffered: true },
  async (t) => {
    const database = await oneAccount(t)
    const running = await service(t, database.url)
    const bytes = `${request(JIT)}${request(`/jit/${SECRET}?${QUERY}b`)}not HTTP\r\n\r\nmore\r\n\r\n`
    const responses = readResponses(await exchange(running.url, bytes))
    t.equal(responses.length, 3)
    t.same(responses[0]!.body, PAYLOAD)
    sameProblem(t, responses[1]!, 404, 'account_not_found')
    sameProblem(t, responses[2]!, 400, 'malformed_request')
  },
)

t.test(
  'requests below /jit that match no route: one log line and one count each',
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    const running = await service(t, database.url)
    const unmatched = [
      ['POST', `/jit/${SECRET}`],
      ['HEAD', `/jit/${SECRET}?${QUERY}a`],
      ['DELETE', `/jit/${SECRET}/`],
      ['GET', `/jit/${SECRET}/more`],
      ['GET', '/jit'],
      ['GET', `/jit/${SECRET}/%zz`],
    ] as const
    for (const [method, path] of unmatched) await fetch(running.url + path, { method })
    await fetch(`${running.url}/${SECRET}`)
    await running.line(({ route, outcome }) => route === null && outcome === 'not_found')
    const lines = running.lines().filter(({ route }) => route === '/jit/*')
    t.same(
      lines.map(({ method, outcome }) => [method, outcome]),
      unmatched.map(([method, path]) => [method, path.includes('%zz') ? 'malformed_request' : 'not_found']),
    )
    const metrics = readExposition(await (await fetch(`${running.adminUrl}/metrics`)).text())
    const count = (route: string) => sampleOf(metrics, 'tratta_jit_unmatched_requests_total', { route })
    t.same([count('/jit/*'), count('other')], [unmatched.length, 1])
    t.notOk(running.stdout().includes(SECRET))
  },
)

t.test('request ids are random, with no order and no count', { buffered: true }, async (t) => {
  const database = await testDatabase(t)
  const running = await service(t, database.url)
  const ids = await Promise.all(
    Array.from({ length: 600 }, async () => {
      const { body } = await running.ask('nobody')
      return (body as { request_id: string }).request_id
    }),
  )
  t.equal(new Set(ids).size, 600)
  t.ok(ids.every((id) => /^[0-9a-f]{16}$/.test(id)))
  // Each character takes each of its 16 values, which no counter and no prefix does in 600 ids.
  for (let position = 0; position < 16; position++)
    t.equal(new Set(ids.map((id) => id[position])).size, 16, `character ${position}`)
})

t.test('GET / on ADMIN_PORT: X-Content-Type-Options: nosniff', { buffered: true }, async (t) => {
  const database = await testDatabase(t)
  const { adminUrl } = await service(t, database.url)
  t.equal((await fetch(adminUrl)).headers.get('x-content-type-options'), 'nosniff')
})

t.test('20 requests on one keep-alive connection: 200', { buffered: true }, async (t) => {
  const database = await oneAccount(t)
  const { url } = await service(t, database.url)
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const ports = new Set<number>()
  for (let count = 0; count < 20; count++)
    await new Promise<void>((resolve, reject) => {
      http
        .get(url + JIT, { agent }, (response) => {
          ports.add(response.socket.localPort!)
          t.equal(response.headers['keep-alive'], 'timeout=75')
          response.resume().on('end', resolve)
        })
        .on('error', reject)
    })
  t.equal(ports.size, 1)
})
