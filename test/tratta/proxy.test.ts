/** Requests to Tratta through an HTTP proxy, with TLS of a private authority. The host of Tratta resolves only there. */
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { proxyFor } from '../../src/tratta/proxy.ts'
import { startTlsProxy } from '../check/start-tls-proxy.ts'
import { startConnectProxy } from '../support/connect-proxy.ts'
import { testDatabase } from '../support/database.ts'
import { run, service } from '../support/program.ts'
import { startSimulator } from '../support/simulator.ts'
import { trattaSettings } from './settings.ts'

t.jobs = 3

const LOGIN = 'agency:proxy-password'

async function started(t: Test, proxyOptions: { status?: number; login?: string } = {}) {
  const database = await testDatabase(t)
  await database.query(readFileSync('sample/accounts.sql', 'utf8'))
  const { simulator } = await startSimulator(t, { requestsPerMinute: Number.POSITIVE_INFINITY })
  const { url, authority } = await startTlsProxy(t, new URL(simulator.url).origin, 20, 'tratta.test')
  const proxy = await startConnectProxy(t, proxyOptions)
  const env = {
    ...trattaSettings(database.url, `${url}/api/v1`),
    NODE_EXTRA_CA_CERTS: authority,
    HTTPS_PROXY: `http://${LOGIN}@${proxy.address}`,
  }
  return { database, simulator, proxy, env, host: new URL(url).host }
}

t.test('every command and `serve` send their requests through the proxy', { buffered: true }, async (t) => {
  const { database, simulator, proxy, env, host } = await started(t, { login: LOGIN })
  const serving = await service(t, database.url, env)
  await serving.line(({ event }) => event === 'registered')
  t.same(proxy.tunnels, [host])
  const answered = { ...env, PUBLIC_URL: serving.url }
  const outputs = [
    await run(t, ['register'], answered),
    await run(t, ['trigger', 'A-500100'], answered),
    await run(t, ['bulk', 'push'], { ...answered, TRATTA_BULK_WAIT_SECONDS: '0' }),
    await run(t, ['bulk', 'errors', '--again'], answered),
  ]
  t.same(
    outputs.map(({ code }) => code),
    [0, 0, 3, 3],
  )
  t.ok(proxy.tunnels.length >= 5)
  t.same([...new Set(proxy.tunnels)], [host])
  t.ok(simulator.store.debtAccounts.has('A-500100'))

  const shown = `requests to Tratta use the proxy http://${proxy.address} (HTTPS_PROXY)`
  const checked = await run(t, ['check', '--quick', '--json'], answered)
  t.same(
    checked.lines.flatMap(({ check, state, message }) => (check === 'token' ? [[state, message]] : [])),
    [
      ['ok', 'Tratta accepts the token (404 for a bulk action that does not exist)'],
      ['ok', shown],
    ],
  )
  const excluded = await run(t, ['check', '--quick', '--json'], { ...answered, NO_PROXY: 'other,.test' })
  t.match(
    excluded.lines.filter(({ check }) => check === 'token'),
    [
      { state: 'error', message: /no connection to Tratta \(E/ },
      {
        state: 'ok',
        message: `requests to Tratta do not use the proxy http://${proxy.address} (HTTPS_PROXY): NO_PROXY excludes ${host}`,
      },
    ],
  )
  const { HTTPS_PROXY, ...others } = answered
  t.match(await run(t, ['trigger', 'A-500100'], { ...others, https_proxy: HTTPS_PROXY }), { code: 0 })
  for (const { stdout, stderr } of [...outputs, checked, excluded])
    t.notMatch(stdout + stderr, 'proxy-password')
  t.notMatch(serving.stdout(), 'proxy-password')
})

for (const [name, options, more, message] of [
  [
    'a wrong password',
    { login: 'agency:another' },
    {},
    /the proxy http:\/\/127\.0\.0\.1:\d+ opens no connection to Tratta \(407\)\. Check the user and the password in the proxy setting\.\n$/,
  ],
  [
    'a proxy that does not allow the host',
    { status: 403 },
    {},
    /opens no connection to Tratta \(403\)\. The proxy must allow connections to the host of TRATTA_API_URL\.\n$/,
  ],
  [
    'a certificate of an unknown authority',
    {},
    { NODE_EXTRA_CA_CERTS: '' },
    /no connection to Tratta through the proxy http:\/\/127\.0\.0\.1:\d+ \(UNABLE_TO_VERIFY_LEAF_SIGNATURE\): this machine does not know the certificate authority\. Set NODE_EXTRA_CA_CERTS to a PEM file with the certificate of the authority, for example of a proxy that inspects TLS/,
  ],
] as const)
  t.test(`${name} is reported at once`, { buffered: true }, async (t) => {
    const { proxy, env, simulator } = await started(t, options)
    const registered = await run(t, ['register'], { ...env, ...more })
    t.match(registered, { code: 1, stdout: '', stderr: message })
    const pushed = await run(t, ['bulk', 'push'], { ...env, ...more })
    t.equal(pushed.code, 1)
    t.match(pushed.stderr, /Set NODE_EXTRA_CA_CERTS|proxy setting|must allow/)
    const checked = await run(t, ['check', '--quick', '--json'], { ...env, ...more })
    t.match(
      checked.lines.find(({ check }) => check === 'token'),
      { state: 'error', remedy: /NODE_EXTRA_CA_CERTS|proxy setting|must allow/ },
    )
    t.ok(proxy.tunnels.length <= 3, 'one attempt of each command')
    t.same(simulator.requests, [])
    t.notMatch(registered.stderr + pushed.stderr + checked.stdout, 'proxy-password')
  })

t.test('a proxy that is unavailable is named', { buffered: true }, async (t) => {
  const { env } = await started(t)
  t.match(await run(t, ['trigger', 'A-500100'], { ...env, HTTPS_PROXY: 'http://127.0.0.1:1' }), {
    code: 1,
    stdout: /no connection to Tratta through the proxy http:\/\/127\.0\.0\.1:1 \(ECONNREFUSED\)/,
  })
})

t.test('a proxy setting that is not valid', { buffered: true }, async (t) => {
  const database = await testDatabase(t)
  const env = trattaSettings(database.url, 'https://tratta.test/api/v1')
  t.match(await run(t, ['register'], { ...env, HTTPS_PROXY: `socks5://${LOGIN}@proxy` }), {
    code: 2,
    stderr:
      'The settings are not valid:\n  HTTPS_PROXY must be the URL of an HTTP proxy, http://user:password@host:port\n',
  })
})

t.test('proxyFor', async (t) => {
  const [HTTPS_PROXY, HTTP_PROXY] = ['http://secure:1/', 'http://plain:1/']
  for (const [url, noProxy, expected] of [
    ['https://a.tratta.io/api', [], HTTPS_PROXY],
    ['http://a.tratta.io/api', [], HTTP_PROXY],
    ['https://localhost/api', [], undefined],
    ['http://127.0.0.1:8090/api', [], undefined],
    ['http://[::1]:8090/api', [], undefined],
    ['https://a.tratta.io/api', ['*'], undefined],
    ['https://a.tratta.io/api', ['other', 'tratta.io'], undefined],
    ['https://a.tratta.io/api', ['.tratta.io'], undefined],
    ['https://a.tratta.io/api', ['*.tratta.io'], undefined],
    ['https://a.tratta.io/api', ['a.tratta.io:443'], undefined],
    ['https://a.tratta.io/api', ['a.tratta.io:8443'], HTTPS_PROXY],
    ['https://atratta.io/api', ['tratta.io'], HTTPS_PROXY],
    ['https://a.tratta.io/api', ['b.tratta.io'], HTTPS_PROXY],
  ] as const)
    t.equal(proxyFor(url, { HTTPS_PROXY, HTTP_PROXY, NO_PROXY: [...noProxy] }), expected, `${url} ${noProxy}`)
  t.equal(proxyFor('https://a.tratta.io', { HTTP_PROXY }), undefined)
})
