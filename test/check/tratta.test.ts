/** `check` reports errors of PUBLIC_URL, its certificate, the token, the registration and the clocks. */
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { freePort } from '../support/child-process.ts'
import { SECRET, service } from '../support/program.ts'
import { expectResults, type Found, skipped } from './expect-results.ts'
import { type CheckedService, startCheckedService } from './start-checked-service.ts'
import { startTlsProxy } from './start-tls-proxy.ts'

const OTHER_SECRET = 'another-secret-for-the-rotation-0123456789'

// Each test has its own database.
t.jobs = 3

let healthy: CheckedService
t.before(async () => {
  healthy = await startCheckedService(t)
})

/** Stores a registration of these settings. */
const registered = (publicUrl: string, secret = SECRET) => `update tratta_jit.registrations
  set (public_url, url_digest) = ('${publicUrl}', '${hash('sha256', `${publicUrl}/jit/${secret}`)}')`

async function startOtherServer(t: Test, answer: RequestListener) {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Runs `check` with this PUBLIC_URL. */
async function expectResultsAt(t: Test, url: string, expected: Found[], more: Record<string, string> = {}) {
  const { env } = await healthy.copy(t, registered(url, more.JIT_SECRET))
  await expectResults(t, { ...env, PUBLIC_URL: url, ...more }, expected)
}

const publicUrl = (state: string, message: string, remedy: string): Found => ({
  check: 'public_url',
  state,
  message,
  remedy,
})

t.test('no listener at PUBLIC_URL is an error', { buffered: true }, async (t) => {
  const url = `http://127.0.0.1:${await freePort()}`
  await expectResultsAt(t, url, [
    publicUrl(
      'error',
      `nothing answers at ${url} (ECONNREFUSED)`,
      'start `serve`, and check that PUBLIC_URL leads to its PORT; a firewall may also block only this machine',
    ),
  ])
})

t.test('serve with another secret is an error', { buffered: true }, async (t) => {
  const url = healthy.env.PUBLIC_URL!
  await expectResultsAt(
    t,
    url,
    [
      publicUrl(
        'error',
        `\`serve\` answers at ${url}, but rejects this secret`,
        'give `serve` and `check` the same JIT_SECRET, and remove a path from PUBLIC_URL that a proxy removes',
      ),
    ],
    { JIT_SECRET: OTHER_SECRET },
  )
})

t.test('a page of another program is an error', { buffered: true }, async (t) => {
  const url = await startOtherServer(t, (_, response) =>
    response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>Welcome to nginx!</h1>'),
  )
  await expectResultsAt(t, url, [
    publicUrl(
      'error',
      `another program answers at ${url}: 404, text/html`,
      'configure your proxy or load balancer to forward it to PORT of `serve`',
    ),
  ])
})

t.test('a redirect is an error', { buffered: true }, async (t) => {
  const url = await startOtherServer(t, (request, response) =>
    response.writeHead(301, { location: `https://jit.agency.example${request.url}` }).end(),
  )
  await expectResultsAt(t, url, [
    publicUrl(
      'error',
      `another program answers at ${url}: a redirect (301) to https://jit.agency.example, and it is unknown whether Tratta follows redirects`,
      'configure your proxy or load balancer to forward it to PORT of `serve`',
    ),
  ])
})

t.test('a machine that is not in ALLOWED_CLIENTS is a warning', { buffered: true }, async (t) => {
  const { url } = await service(t, healthy.database.url, { ALLOWED_CLIENTS: '192.0.2.0/24' })
  await expectResultsAt(t, url, [
    publicUrl(
      'warning',
      `\`serve\` answers at ${url}, but this machine is not in ALLOWED_CLIENTS, so the secret cannot be checked from here`,
      'run `check` on a machine in ALLOWED_CLIENTS, and make sure that ALLOWED_CLIENTS contains the addresses of Tratta',
    ),
  ])
})

t.test('http to another address than loopback is an error', { buffered: true }, async (t) => {
  const url = healthy.env.PUBLIC_URL!.replace('127.0.0.1', '0.0.0.0')
  await expectResultsAt(t, url, [
    {
      check: 'certificate',
      state: 'error',
      message: 'PUBLIC_URL is http: the secret and the accounts cross the network in clear text',
      remedy:
        'set TLS_CERT_FILE and TLS_KEY_FILE, or put a TLS proxy in front of `serve`, and use https in PUBLIC_URL',
    },
  ])
})

t.test('the certificate', { buffered: true }, async (t) => {
  t.jobs = 4
  const untrusted = skipped('public_url', 'needs a trusted certificate')
  const certificate = (state: string, message: string, remedy: string): Found => ({
    check: 'certificate',
    state,
    message: `the certificate of PUBLIC_URL ${message}`,
    remedy,
  })
  const trusting = (authority: string) => ({ NODE_EXTRA_CA_CERTS: authority })

  t.test('a trusted certificate has no problem', { buffered: true }, async (t) => {
    const { url, authority } = await startTlsProxy(t, healthy.env.PUBLIC_URL!, 20)
    await expectResultsAt(t, url, [], trusting(authority))
  })
  t.test('a certificate that expires in 4 days is a warning', { buffered: true }, async (t) => {
    const { url, authority } = await startTlsProxy(t, healthy.env.PUBLIC_URL!, 5)
    await expectResultsAt(
      t,
      url,
      [certificate('warning', 'is valid for 4 more days', 'renew it')],
      trusting(authority),
    )
  })
  t.test('an expired certificate is an error', { buffered: true }, async (t) => {
    const { url, authority } = await startTlsProxy(t, healthy.env.PUBLIC_URL!, 0)
    await pause(1100)
    await expectResultsAt(
      t,
      url,
      [untrusted, certificate('error', 'has expired', 'renew it')],
      trusting(authority),
    )
  })
  t.test('a certificate of an unknown authority is an error', { buffered: true }, async (t) => {
    const { url } = await startTlsProxy(t, healthy.env.PUBLIC_URL!, 20)
    await expectResultsAt(t, url, [
      untrusted,
      certificate(
        'error',
        'is not trusted (UNABLE_TO_VERIFY_LEAF_SIGNATURE)',
        'use a certificate for this name from a public certificate authority, with its intermediate certificates',
      ),
    ])
  })
})

t.test('a token that Tratta rejects is an error', { buffered: true }, async (t) =>
  expectResults(t, { ...healthy.env, TRATTA_API_TOKEN: 'the-token-of-the-sandbox' }, [
    {
      check: 'token',
      state: 'error',
      message: `GET /bulk/00000000-0000-4000-8000-000000000000/errors: Tratta does not accept the token (401): Unauthenticated. Check TRATTA_API_TOKEN: production and sandbox have different tokens.`,
      remedy: 'set TRATTA_API_TOKEN to the token of this TRATTA_API_URL',
    },
  ]),
)

t.test('a missing TRATTA_API_TOKEN is a warning', { buffered: true }, async (t) => {
  const { TRATTA_API_TOKEN, ...env } = healthy.env
  await expectResults(t, env, [
    {
      check: 'settings',
      state: 'warning',
      message: 'TRATTA_API_TOKEN is not set: bearer token for the API of Tratta',
      remedy: 'set it: the registration at Tratta needs it',
    },
    skipped('token', 'needs TRATTA_API_TOKEN'),
    skipped('registration', 'needs TRATTA_API_TOKEN'),
  ])
})

t.test('the registration', { buffered: true }, async (t) => {
  t.jobs = 3
  const broken = (title: string, sql: string, found: Omit<Found, 'check'>) =>
    t.test(title, { buffered: true }, async (t) => {
      const { env } = await healthy.copy(t, sql)
      await expectResults(t, env, [{ check: 'registration', ...found } as Found])
    })
  const at = `requested_at = '2026-01-02T03:04:05Z', registered_at = '2026-01-02T03:04:05Z'`
  const url = healthy.env.PUBLIC_URL!
  const again =
    'restart `serve` or run `tratta-jit register`; until then JIT_SECRET_PREVIOUS keeps the old secret valid'

  broken('no registration is a warning', 'delete from tratta_jit.registrations', {
    state: 'warning',
    message: 'not registered at Tratta: Tratta has no URL to call',
    remedy: 'run `tratta-jit register`; `serve` registers too, unless TRATTA_REGISTER is off',
  })
  broken('a registration with another secret is an error', `${registered(url, OTHER_SECRET)}, ${at}`, {
    state: 'error',
    message: `registered with another secret, at ${url} (2026-01-02T03:04:05Z): Tratta calls with that secret`,
    remedy: again,
  })
  broken(
    'a registration of another address is an error',
    `${registered('https://old.agency.example')}, ${at}`,
    {
      state: 'error',
      message:
        'registered at another address, https://old.agency.example (2026-01-02T03:04:05Z): Tratta calls that address',
      remedy: again,
    },
  )
  broken(
    'rejected',
    `update tratta_jit.registrations set state = 'rejected', last_error = 'The url format is invalid.', ${at}`,
    {
      state: 'error',
      message: `Tratta rejected the registration of ${url} (2026-01-02T03:04:05Z): The url format is invalid.`,
      remedy: 'fix the error, then run `tratta-jit register`',
    },
  )
  broken(
    'an unknown registration is a warning',
    `update tratta_jit.registrations set state = 'in_flight', ${at}`,
    {
      state: 'warning',
      message: `it is unknown whether ${url} is registered (in_flight, 2026-01-02T03:04:05Z)`,
      remedy: '`serve` retries; or run `tratta-jit register`',
    },
  )
})

t.test('a clock that is an hour behind is a warning', { buffered: true }, async (t) => {
  const slow = (of: string): Found => ({
    check: 'clocks',
    state: 'warning',
    message: `the clock of this machine is N s behind the clock of ${of}`,
    remedy: 'synchronize both with the same time servers (NTP)',
  })
  await expectResults(t, { ...healthy.env, NODE_OPTIONS: '--import ./test/check/set-clock-back.ts' }, [
    slow('Postgres'),
    slow('Tratta'),
  ])
})
