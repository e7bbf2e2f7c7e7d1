/** Broken set-ups: PUBLIC_URL, its certificate, the token, the registration, the clocks. */
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { freePort } from '../support/child-process.ts'
import { SECRET, service } from '../support/program.ts'
import { type Found, finds, type SetUp, setUp, skipped } from './set-up.ts'
import { tlsInFront } from './tls.ts'

const OTHER_SECRET = 'another-secret-for-the-rotation-0123456789'

let healthy: SetUp
t.before(async () => {
  healthy = await setUp(t)
})

/** As if these settings had been registered: so only what is answered there is wrong. */
const registered = (publicUrl: string, secret = SECRET) => `update tratta_jit.registrations
  set (public_url, url_digest) = ('${publicUrl}', '${hash('sha256', `${publicUrl}/jit/${secret}`)}')`

async function somebodyElse(t: Test, answer: RequestListener) {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Checks with this PUBLIC_URL, and expects one finding. */
async function findsAt(t: Test, url: string, expected: Found[], more: Record<string, string> = {}) {
  const { env } = await healthy.like(t, registered(url, more.JIT_SECRET))
  await finds(t, { ...env, PUBLIC_URL: url, ...more }, expected)
}

const publicUrl = (state: string, message: string, remedy: string): Found => ({
  check: 'public_url',
  state,
  message,
  remedy,
})

t.test('nobody at PUBLIC_URL', async (t) => {
  const url = `http://127.0.0.1:${await freePort()}`
  await findsAt(t, url, [
    publicUrl(
      'error',
      `nothing answers at ${url} (ECONNREFUSED)`,
      'start `serve`, and check that PUBLIC_URL leads to its PORT; a firewall may also block only this machine',
    ),
  ])
})

t.test('serve with another secret', async (t) => {
  const url = healthy.env.PUBLIC_URL!
  await findsAt(
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

t.test("somebody else's page", async (t) => {
  const url = await somebodyElse(t, (_, response) =>
    response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>Welcome to nginx!</h1>'),
  )
  await findsAt(t, url, [
    publicUrl(
      'error',
      `another program answers at ${url}: 404, text/html`,
      'configure your proxy or load balancer to forward it to PORT of `serve`',
    ),
  ])
})

t.test('a redirect', async (t) => {
  const url = await somebodyElse(t, (request, response) =>
    response.writeHead(301, { location: `https://jit.agency.example${request.url}` }).end(),
  )
  await findsAt(t, url, [
    publicUrl(
      'error',
      `another program answers at ${url}: a redirect (301) to https://jit.agency.example, and it is unknown whether Tratta follows redirects`,
      'configure your proxy or load balancer to forward it to PORT of `serve`',
    ),
  ])
})

t.test('a machine that is none of ALLOWED_CLIENTS', async (t) => {
  const { url } = await service(t, healthy.database.url, { ALLOWED_CLIENTS: '192.0.2.0/24' })
  await findsAt(t, url, [
    publicUrl(
      'warning',
      `\`serve\` answers at ${url}, but this machine is not in ALLOWED_CLIENTS, so the secret cannot be checked from here`,
      'run `check` on a machine in ALLOWED_CLIENTS, and make sure that ALLOWED_CLIENTS contains the addresses of Tratta',
    ),
  ])
})

t.test('http, not only to this machine', async (t) => {
  const url = healthy.env.PUBLIC_URL!.replace('127.0.0.1', '0.0.0.0')
  await findsAt(t, url, [
    {
      check: 'certificate',
      state: 'error',
      message: 'PUBLIC_URL is http: the secret and the accounts cross the network in clear text',
      remedy: 'put a TLS proxy in front of `serve`, and use https in PUBLIC_URL',
    },
  ])
})

t.test('certificates', async (t) => {
  const untrusted = skipped('public_url', 'needs a trusted certificate')
  const certificate = (state: string, message: string, remedy: string): Found => ({
    check: 'certificate',
    state,
    message: `the certificate of PUBLIC_URL ${message}`,
    remedy,
  })
  const trusting = (authority: string) => ({ NODE_EXTRA_CA_CERTS: authority })

  await t.test('a good one', async (t) => {
    const { url, authority } = await tlsInFront(t, healthy.env.PUBLIC_URL!, 20)
    await findsAt(t, url, [], trusting(authority))
  })
  await t.test('one that ends soon', async (t) => {
    const { url, authority } = await tlsInFront(t, healthy.env.PUBLIC_URL!, 5)
    await findsAt(
      t,
      url,
      [certificate('warning', 'is valid for 4 more days', 'renew it')],
      trusting(authority),
    )
  })
  await t.test('one that has expired', async (t) => {
    const { url, authority } = await tlsInFront(t, healthy.env.PUBLIC_URL!, 0)
    await pause(1100)
    await findsAt(t, url, [untrusted, certificate('error', 'has expired', 'renew it')], trusting(authority))
  })
  await t.test('one of an authority that nobody trusts', async (t) => {
    const { url } = await tlsInFront(t, healthy.env.PUBLIC_URL!, 20)
    await findsAt(t, url, [
      untrusted,
      certificate(
        'error',
        'is not trusted (UNABLE_TO_VERIFY_LEAF_SIGNATURE)',
        'use a certificate for this name from a public certificate authority, with its intermediate certificates',
      ),
    ])
  })
})

t.test('a token that Tratta does not take', async (t) =>
  finds(t, { ...healthy.env, TRATTA_API_TOKEN: 'the-token-of-the-sandbox' }, [
    {
      check: 'token',
      state: 'error',
      message: `GET /bulk/00000000-0000-4000-8000-000000000000/errors: Tratta does not accept the token (401): Unauthenticated. Check TRATTA_API_TOKEN: production and sandbox have different tokens.`,
      remedy: 'set TRATTA_API_TOKEN to the token of this TRATTA_API_URL',
    },
  ]),
)

t.test('settings for Tratta that are missing', async (t) => {
  const { TRATTA_API_TOKEN, ...env } = healthy.env
  await finds(t, env, [
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

t.test('the registration', async (t) => {
  const broken = async (title: string, sql: string, found: Omit<Found, 'check'>) =>
    t.test(title, async (t) => {
      const { env } = await healthy.like(t, sql)
      await finds(t, env, [{ check: 'registration', ...found } as Found])
    })
  const at = `requested_at = '2026-01-02T03:04:05Z', registered_at = '2026-01-02T03:04:05Z'`
  const url = healthy.env.PUBLIC_URL!
  const again =
    'restart `serve` or run `tratta-jit register`; until then JIT_SECRET_PREVIOUS keeps the old secret valid'

  await broken('none', 'delete from tratta_jit.registrations', {
    state: 'warning',
    message: 'not registered at Tratta: Tratta has no URL to call',
    remedy: 'run `tratta-jit register`; `serve` registers too, unless TRATTA_REGISTER is off',
  })
  await broken('with another secret', `${registered(url, OTHER_SECRET)}, ${at}`, {
    state: 'error',
    message: `registered with another secret, at ${url} (2026-01-02T03:04:05Z): Tratta calls with that secret`,
    remedy: again,
  })
  await broken('at another address', `${registered('https://old.agency.example')}, ${at}`, {
    state: 'error',
    message:
      'registered at another address, https://old.agency.example (2026-01-02T03:04:05Z): Tratta calls that address',
    remedy: again,
  })
  await broken(
    'rejected',
    `update tratta_jit.registrations set state = 'rejected', last_error = 'The url format is invalid.', ${at}`,
    {
      state: 'error',
      message: `Tratta rejected the registration of ${url} (2026-01-02T03:04:05Z): The url format is invalid.`,
      remedy: 'fix the error, then run `tratta-jit register`',
    },
  )
  await broken('not known', `update tratta_jit.registrations set state = 'in_flight', ${at}`, {
    state: 'warning',
    message: `it is unknown whether ${url} is registered (in_flight, 2026-01-02T03:04:05Z)`,
    remedy: '`serve` retries; or run `tratta-jit register`',
  })
})

t.test('a clock that is an hour slow', async (t) => {
  const slow = (of: string): Found => ({
    check: 'clocks',
    state: 'warning',
    message: `the clock of this machine is N s behind the clock of ${of}`,
    remedy: 'synchronize both with the same time servers (NTP)',
  })
  await finds(t, { ...healthy.env, NODE_OPTIONS: '--import ./test/check/an-hour-ago.ts' }, [
    slow('Postgres'),
    slow('Tratta'),
  ])
})
