import t from 'tap'
import { testDatabase } from '../support/database.ts'
import { SECRET, service } from '../support/program.ts'

// Each test has a database of its own, and waits most of the time.
t.jobs = 2

const OTHER_SECRET = 'another-secret-for-the-rotation-0123456789'
const UNKNOWN = 'debt_account_external_id=unknown'

const problem = (status: number, code: string, title: string, more: object = {}) => ({
  status,
  type: 'application/problem+json; charset=utf-8',
  body: { type: 'about:blank', title, status, code, ...more },
})
const NOT_FOUND = problem(404, 'not_found', 'Not found')
const ACCOUNT_NOT_FOUND = problem(404, 'account_not_found', 'No such debt account')
const INVALID = problem(
  400,
  'invalid_parameter',
  'debt_account_external_id must be given once, with 1 to 255 characters and no control characters',
)
const MALFORMED = problem(400, 'malformed_request', 'Malformed request')

async function answer(url: string, init?: RequestInit) {
  const response = await fetch(url, init)
  const { request_id, ...body } = (await response.json()) as Record<string, unknown>
  if (response.headers.get('cache-control') !== 'no-store') throw new Error('no Cache-Control: no-store')
  if (response.status >= 400 && typeof request_id !== 'string') throw new Error('no request_id')
  return { status: response.status, type: response.headers.get('content-type'), body }
}

t.test('GET /jit/{secret}', { buffered: true }, async (t) => {
  const database = await testDatabase(t)
  const longest = 'é'.repeat(255)
  await database.query(
    `insert into tratta_jit.debt_accounts (external_id, balance) values ('a+b c', 1), ('${longest}', 2)`,
  )
  const { url, adminUrl, ask } = await service(t, database.url)
  const jit = `${url}/jit/${SECRET}`

  t.same(await answer(`${jit}?${UNKNOWN}`), ACCOUNT_NOT_FOUND)
  t.same((await ask('a+b c')).status, 200)
  t.same((await ask(longest)).status, 200, '255 characters, not bytes')
  for (const query of [
    '',
    '?',
    '?debt_account_external_id',
    '?debt_account_external_id=',
    '?other=1',
    `?${UNKNOWN}&${UNKNOWN}`,
    `?debt_account_external_id=${'a'.repeat(256)}`,
    `?debt_account_external_id=${'a'.repeat(10_000)}`,
    '?debt_account_external_id=a%00b',
    '?debt_account_external_id=%0a',
    '?debt_account_external_id=%7f',
    '?debt_account_external_id=%C2%85',
  ])
    t.same(await answer(jit + query), INVALID, query.slice(0, 60))
  t.same(await answer(`${jit}?${UNKNOWN}&page=2`), ACCOUNT_NOT_FOUND, 'another parameter is ignored')

  for (const path of [
    '/',
    '/jit',
    '/jit/',
    `/x/jit/${SECRET}?${UNKNOWN}`,
    `/jit/${SECRET}/x`,
    `/JIT/${SECRET}?${UNKNOWN}`,
    '/metrics',
  ])
    t.same(await answer(url + path), NOT_FOUND, path)
  for (const secret of [
    'x',
    SECRET.slice(1),
    `${SECRET}x`,
    SECRET.toUpperCase(),
    `${SECRET}%00`,
    'x'.repeat(300),
  ])
    t.same(
      await answer(`${url}/jit/${secret}?${UNKNOWN}`),
      NOT_FOUND,
      'a wrong secret gives the response of an unknown route',
    )
  t.same(await answer(`${url}/jit/wrong`), NOT_FOUND, 'without the parameter')
  for (const method of ['HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    const response = await fetch(`${jit}?${UNKNOWN}`, { method })
    t.equal(response.status, 404, method)
  }
  t.same(await answer(`${jit}?${UNKNOWN}`, { method: 'POST', body: 'x' }), MALFORMED, 'a body')
  t.same(await answer(`${url}/%zz`), MALFORMED)
  t.same(await answer(`${adminUrl}/jit/${SECRET}?${UNKNOWN}`), NOT_FOUND, 'not on ADMIN_PORT')
  for (const port of [url, adminUrl]) {
    t.same(await (await fetch(`${port}/health/live`)).json(), { status: 'live' })
    t.same(await (await fetch(`${port}/health/ready`)).json(), { status: 'ready', registration: 'off' })
  }
})

t.test(
  'JIT_SECRET_PREVIOUS: both secrets are valid, and without it only the new one',
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    const during = await service(t, database.url, { JIT_SECRET: OTHER_SECRET, JIT_SECRET_PREVIOUS: SECRET })
    t.same(await answer(`${during.url}/jit/${SECRET}?${UNKNOWN}`), ACCOUNT_NOT_FOUND)
    t.same(await answer(`${during.url}/jit/${OTHER_SECRET}?${UNKNOWN}`), ACCOUNT_NOT_FOUND)
    const after = await service(t, database.url, { JIT_SECRET: OTHER_SECRET })
    t.same(await answer(`${after.url}/jit/${SECRET}?${UNKNOWN}`), NOT_FOUND)
    t.same(await answer(`${after.url}/jit/${OTHER_SECRET}?${UNKNOWN}`), ACCOUNT_NOT_FOUND)
  },
)

t.test(
  'an eleventh wrong secret within a minute: 429, and the correct secret is still answered',
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    const { url, ask, line } = await service(t, database.url)
    for (let guess = 1; guess <= 10; guess++)
      t.same(await answer(`${url}/jit/guess-${guess}?${UNKNOWN}`), NOT_FOUND)
    const response = await fetch(`${url}/jit/guess-11?${UNKNOWN}`)
    t.equal(response.status, 429)
    t.match(await response.json(), { code: 'too_many_guesses', status: 429 })
    t.match(response.headers.get('retry-after'), /^([1-9]|[1-5][0-9]|60)$/)
    for (const outcome of ['wrong_secret', 'too_many_guesses'])
      t.equal((await line((line) => line.outcome === outcome)).client, '127.0.0.1', outcome)
    for (let call = 0; call < 50; call++) t.equal((await ask('unknown')).status, 404)
  },
)

t.test('ALLOWED_CLIENTS and TRUSTED_PROXIES', { buffered: true }, async (t) => {
  const database = await testDatabase(t)
  const NOT_ALLOWED = problem(403, 'client_not_allowed', 'This client address is not allowed')
  const from = (url: string, address: string) =>
    answer(`${url}/jit/${SECRET}?${UNKNOWN}`, { headers: { 'x-forwarded-for': address } })

  const untrusting = await service(t, database.url, { ALLOWED_CLIENTS: '203.0.113.0/24, 2001:db8::/32' })
  t.same(
    await from(untrusting.url, '203.0.113.7'),
    NOT_ALLOWED,
    'X-Forwarded-For of a client that is not trusted is ignored',
  )
  t.equal((await fetch(`${untrusting.url}/health/ready`)).status, 200, 'health is available to every client')

  const trusting = await service(t, database.url, {
    ALLOWED_CLIENTS: '203.0.113.0/24,2001:db8::/32',
    TRUSTED_PROXIES: '127.0.0.0/8',
  })
  t.same(await from(trusting.url, '203.0.113.7'), ACCOUNT_NOT_FOUND)
  t.same(await from(trusting.url, '2001:db8::1'), ACCOUNT_NOT_FOUND)
  t.same(await from(trusting.url, '198.51.100.1'), NOT_ALLOWED)
  t.same(
    await from(trusting.url, '203.0.113.7, 198.51.100.1'),
    NOT_ALLOWED,
    'only the entry of the proxy counts',
  )
  t.same(await answer(`${trusting.url}/jit/${SECRET}?${UNKNOWN}`), NOT_ALLOWED)
})

t.test(
  'the log line of a call: the account is a pseudonym that depends on the secret',
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    const pseudonyms = async (secret: string) => {
      const { url, requestLine } = await service(t, database.url, { JIT_SECRET: secret })
      const names: unknown[] = []
      for (const id of ['one', 'one', 'two']) {
        const response = await fetch(`${url}/jit/${secret}?debt_account_external_id=${id}`)
        const { request_id } = (await response.json()) as { request_id: string }
        names.push((await requestLine(request_id)).account)
      }
      return names
    }
    const [first, again, other] = await pseudonyms(SECRET)
    t.match(first, /^[\w-]{16}$/)
    t.equal(again, first, 'the same account')
    t.not(other, first, 'another account')
    t.not((await pseudonyms(OTHER_SECRET))[0], first, 'another secret')
  },
)
