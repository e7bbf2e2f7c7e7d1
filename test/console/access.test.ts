/** Who gets in: sessions, tokens, origins, host names and guesses, without a browser. */
import http from 'node:http'
import t from 'tap'
import { createSessions } from '../../src/console/sessions.ts'
import { readExposition, sampleOf } from '../support/exposition.ts'
import { PASSWORD, post, signInByHttp, startConsole, USER } from './start-console.ts'

t.jobs = 3

const PAGES = ['/', '/calls', '/call?id=1', '/account', '/bulk', '/imports', '/check', '/setup', '/api']
const ACTIONS = [
  '/account',
  '/account-reveal',
  '/account-trigger',
  '/bulk-rows',
  '/bulk-csv',
  '/check',
  '/check-cancel',
  '/sign-out',
]
const TEN_MINUTES = 10 * 60_000

async function refusedBy(adminUrl: string, reason: string) {
  const families = readExposition(await (await fetch(`${adminUrl}/metrics`)).text())
  return sampleOf(families, 'tratta_jit_console_refused_total', { reason })
}

/** fetch does not send another Host header. */
const get = (url: string, headers: Record<string, string>) =>
  new Promise<{ status: number; body: string }>((resolve, reject) => {
    http
      .get(url, { headers, agent: false }, (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (text) => {
          body += text
        })
        response.on('end', () => resolve({ status: response.statusCode!, body }))
      })
      .on('error', reject)
  })

t.test('without CONSOLE_PASSWORD there is no console', async (t) => {
  const { adminUrl } = await startConsole(t, { CONSOLE_PASSWORD: '' })
  t.match(await (await fetch(adminUrl)).text(), 'Here, for operators')
  for (const path of ['/sign-in', '/calls', '/setup', '/assets/console.js'])
    t.equal((await fetch(adminUrl + path)).status, 404, path)
})

t.test('the public port serves nothing of the console', async (t) => {
  const { url } = await startConsole(t)
  for (const path of [...PAGES, '/sign-in', '/assets/console.js'])
    t.equal((await fetch(url + path)).status, 404, path)
})

t.test('a request without a session', async (t) => {
  const { adminUrl } = await startConsole(t)
  for (const path of PAGES) {
    const response = await fetch(adminUrl + path, { redirect: 'manual' })
    t.equal(response.status, 303, path)
    t.match(response.headers.get('location'), /^sign-in(\?to=[a-z]+)?$/, path)
    t.equal(await response.text(), '', path)
  }
  for (const path of ACTIONS) {
    const response = await post(adminUrl + path, { external_id: 'A-500100', token: 'x' })
    t.equal(response.status, 401, path)
    t.notMatch(await response.text(), 'A-500100', path)
  }
  t.equal((await fetch(adminUrl, { headers: { 'x-live': '1' } })).status, 401)
  for (const path of [
    '/metrics',
    '/health',
    '/health/live',
    '/health/ready',
    '/openapi.json',
    '/assets/console.css',
  ])
    t.equal((await fetch(adminUrl + path)).status, 200, path)
  t.equal(await refusedBy(adminUrl, 'session'), ACTIONS.length + 1)
})

t.test('a forged or altered cookie is no session', async (t) => {
  const { adminUrl } = await startConsole(t)
  const { cookie } = await signInByHttp(adminUrl)
  const [name = '', id = ''] = cookie.split('=')
  const last = id.endsWith('A') ? 'B' : 'A'
  for (const forged of ['', 'x', id.slice(1), `${id.slice(0, -1)}${last}`, `${id}x`, '%00', '__proto__'])
    t.equal(
      (await fetch(adminUrl, { headers: { cookie: `${name}=${forged}` }, redirect: 'manual' })).status,
      303,
      forged,
    )
  t.equal((await fetch(adminUrl, { headers: { cookie }, redirect: 'manual' })).status, 200)
})

t.test('sign-in sets a session cookie, and sign-out ends the session', async (t) => {
  const { adminUrl } = await startConsole(t, { TRUSTED_PROXIES: '127.0.0.1' })
  const signIn = (headers: Record<string, string>) =>
    post(`${adminUrl}/sign-in`, { user: USER, password: PASSWORD, to: 'calls' }, headers)
  const response = await signIn({})
  t.equal(response.status, 303)
  t.equal(response.headers.get('location'), 'calls')
  t.match(response.headers.getSetCookie(), [
    /^tratta_jit_console=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/,
  ])
  const [secure] = (await signIn({ 'x-forwarded-proto': 'https' })).headers.getSetCookie()
  t.match(secure, /; Secure/)

  const { cookie, token } = await signInByHttp(adminUrl)
  t.equal((await post(`${adminUrl}/sign-out`, { token }, { cookie })).status, 303)
  t.equal((await fetch(adminUrl, { headers: { cookie }, redirect: 'manual' })).status, 303)
  for (const to of ['https://evil.example', '//evil.example', '../x', 'javascript:alert(1)'])
    t.equal(
      (await post(`${adminUrl}/sign-in`, { user: USER, password: PASSWORD, to })).headers.get('location'),
      './',
      to,
    )
})

t.test('a form needs the token of the session, and our origin', async (t) => {
  const { adminUrl, database } = await startConsole(t)
  const { cookie, token } = await signInByHttp(adminUrl)
  const other = await signInByHttp(adminUrl)
  const account = (fields: Record<string, string>, headers: Record<string, string> = {}) =>
    post(`${adminUrl}/account`, { external_id: 'A-500100', ...fields }, { cookie, ...headers })
  const refused: [string, Promise<Response>][] = [
    ['no token', account({})],
    ['wrong token', account({ token: `${token}x` })],
    ['the token of another session', account({ token: other.token })],
    ['foreign origin', account({ token }, { origin: 'https://evil.example' })],
    ['same host, other port', account({ token }, { origin: 'http://127.0.0.1:1' })],
    ['cross-site', account({ token }, { 'sec-fetch-site': 'cross-site' })],
    ['same site, other origin', account({ token }, { 'sec-fetch-site': 'same-site' })],
  ]
  for (const [name, response] of refused) {
    t.equal((await response).status, 403, name)
    t.notMatch(await (await response).text(), '1,219.00', name)
  }
  const json = await fetch(`${adminUrl}/account`, {
    method: 'POST',
    headers: { cookie, 'content-type': 'application/json' },
    body: JSON.stringify({ external_id: 'A-500100' }),
  })
  t.equal(json.status, 403, 'JSON without a token')
  t.same(await database.query('select * from tratta_jit.reads'), [], 'nothing was read')
  for (const headers of [{}, { origin: adminUrl }, { origin: 'null' }, { 'sec-fetch-site': 'same-origin' }])
    t.match(await (await account({ token }, headers as Record<string, string>)).text(), '$1,219.00')
  t.equal(await refusedBy(adminUrl, 'token'), 4)
  t.equal(await refusedBy(adminUrl, 'origin'), 4)
})

t.test('host names: loopback, addresses, and those of CONSOLE_HOSTS', async (t) => {
  const { adminUrl } = await startConsole(t, { CONSOLE_HOSTS: 'ops.agency.example' })
  for (const host of [
    'localhost',
    'localhost:9090',
    '127.0.0.1:9090',
    '[::1]:9090',
    '10.1.2.3',
    'OPS.agency.example:443',
  ])
    t.equal((await get(`${adminUrl}/sign-in`, { host })).status, 200, host)
  for (const host of ['evil.example', 'evil.example:9090', 'ops.agency.example.evil.example']) {
    const { status, body } = await get(`${adminUrl}/sign-in`, { host })
    t.equal(status, 403, host)
    t.match(body, 'CONSOLE_HOSTS')
  }
  t.equal((await get(`${adminUrl}/metrics`, { host: 'anything.example' })).status, 200)
})

t.test('1,000 guesses: refused, limited and counted', async (t) => {
  const running = await startConsole(t)
  const { adminUrl } = running
  const statuses: Record<number, number> = {}
  for (let guess = 0; guess < 1000; guess++) {
    const response = await post(`${adminUrl}/sign-in`, {
      user: 'x',
      password: `guess number ${guess} of many`,
    })
    statuses[response.status] = (statuses[response.status] ?? 0) + 1
    t.notOk(response.headers.has('set-cookie'))
    if (guess === 999) t.ok(Number(response.headers.get('retry-after')) > 0)
    await response.arrayBuffer()
  }
  // A slow machine needs more than the minute in which ten are compared.
  t.ok((statuses[403] ?? 0) <= 30 && (statuses[403] ?? 0) >= 10, `${statuses[403]} were compared`)
  t.equal((statuses[403] ?? 0) + (statuses[429] ?? 0), 1000)
  t.equal(await refusedBy(adminUrl, 'password'), statuses[403])
  t.equal(await refusedBy(adminUrl, 'guesses'), statuses[429])
  t.notMatch(running.stdout(), 'guess number')
  t.match(await running.line(({ reason }) => reason === 'guesses'), {
    outcome: 'console_refused',
    client: '127.0.0.1',
  })
})

t.test('every page has the security headers', async (t) => {
  const { adminUrl } = await startConsole(t)
  const { cookie } = await signInByHttp(adminUrl)
  for (const path of [...PAGES, '/sign-in', '/assets/console.js', '/assets/simple.css']) {
    const { headers } = await fetch(adminUrl + path, { headers: { cookie } })
    const policy = headers.get('content-security-policy') ?? ''
    for (const part of [
      "default-src 'none'",
      "script-src 'self'",
      "frame-ancestors 'none'",
      "form-action 'self'",
    ])
      t.match(policy, part, path)
    t.notMatch(policy, /unsafe|\*|http/, path)
    t.match(
      Object.fromEntries(headers),
      { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', 'x-content-type-options': 'nosniff' },
      path,
    )
  }
})

t.test('the user of CONSOLE_USER_HEADER counts only from a trusted proxy', async (t) => {
  const header = { 'x-forwarded-user': 'ada@agency.example' }
  for (const [proxies, user] of [
    ['127.0.0.1', 'ada@agency.example'],
    ['10.0.0.0/8', USER],
  ] as const) {
    const { adminUrl, database } = await startConsole(t, {
      CONSOLE_USER_HEADER: 'X-Forwarded-User',
      TRUSTED_PROXIES: proxies,
    })
    const { cookie, token } = await signInByHttp(adminUrl, header)
    await post(`${adminUrl}/account`, { external_id: 'A-500100', token }, { cookie })
    t.match(await database.query('select * from tratta_jit.reads'), [
      { user_name: user, command: 'console account', external_id: 'A-500100' },
    ])
  }
})

t.test('a warning at the start when other machines reach the console without a proxy', async (t) => {
  const insecure = await startConsole(t, { ADMIN_HOST: '0.0.0.0' })
  t.match(await insecure.line(({ event }) => event === 'insecure_console'), { level: 'warn' })
  for (const env of [{}, { ADMIN_HOST: '0.0.0.0', TRUSTED_PROXIES: '10.0.0.0/8' }])
    t.notMatch((await startConsole(t, env)).stdout(), 'insecure_console')
})

t.test('sessions end after 30 minutes without use; a refresh of a live page is no use', async (t) => {
  let now = 0
  const sessions = createSessions(() => now)
  const [used, refreshed] = [sessions.start('a'), sessions.start('b')]
  for (const _ of [1, 2, 3]) {
    now += TEN_MINUTES
    t.match(sessions.find(used, true), { user: 'a' })
    t.match(sessions.find(refreshed, false), { user: 'b' })
  }
  now += 1
  t.match(sessions.find(used, true), { user: 'a' })
  t.equal(sessions.find(refreshed, false), undefined)
  for (let count = 0; count < 100; count++) sessions.start('more')
  t.equal(sessions.find(used, true), undefined, 'the oldest of more than 100 ends')
})
