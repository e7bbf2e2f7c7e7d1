/** The client and `register`, with every kind of error response. */
import { createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { createTrattaClient } from '../../src/tratta/client.ts'
import type { Delivery } from '../../src/tratta/tratta-error.ts'
import { testDatabase } from '../support/database.ts'
import { run, SECRET } from '../support/program.ts'
import { startSimulator } from '../support/simulator.ts'
import { trattaSettings } from './settings.ts'

const REQUEST = 'POST /just-in-time: '

async function listening(t: Test, respond: (socket: Socket) => void) {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).once('data', () => respond(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as { port: number }).port}/api/v1`
}

const http = (status: string, headers = '', body = '') =>
  `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: ${body.length}\r\n${headers}\r\n${body}`

t.test('register', async (t) => {
  t.jobs = 4
  const database = await testDatabase(t)
  const registerAt = (apiUrl: string, more = {}) =>
    run(t, ['register'], { ...trattaSettings(database.url, apiUrl), ...more })
  /** The next POST to this API URL need not wait. */
  const proceed = (apiUrl: string) =>
    database.query(`update tratta_jit.registrations set next_attempt_at = now() where api_url = '${apiUrl}'`)

  t.test('201: prints the masked URL', { buffered: true }, async (t) => {
    const { simulator } = await startSimulator(t)
    t.match(await registerAt(simulator.url), {
      code: 0,
      stdout: `Registered http://127.0.0.1:1/jit/… at ${simulator.url}\n`,
      stderr: '',
    })
    t.same(simulator.jitUrls, [`http://127.0.0.1:1/jit/${SECRET}`])
    await proceed(simulator.url)
    await registerAt(simulator.url)
    t.equal(simulator.jitUrls.length, 2, 'a second `register` sends a second POST')
  })

  t.test('--dry-run sends nothing and shows no secret', { buffered: true }, async (t) => {
    const { simulator } = await startSimulator(t)
    const { code, stdout } = await run(
      t,
      ['register', '--dry-run'],
      trattaSettings(database.url, simulator.url),
    )
    t.same([code, stdout], [0, `Would register http://127.0.0.1:1/jit/… at ${simulator.url}\n`])
    t.same(simulator.requests, [])
  })

  t.test('429 and 503: retried, because Tratta did not accept the request', { buffered: true }, async (t) => {
    const { simulator } = await startSimulator(t)
    await simulator.injectFaults(
      { kind: 'status', status: 429, times: 1 },
      { kind: 'status', status: 429, retryAfter: 1, times: 1 },
      { kind: 'status', status: 503, times: 1 },
    )
    t.match(await registerAt(simulator.url), { code: 0 })
    t.same(
      simulator.requests.map(({ status }) => status),
      [429, 429, 503, 201],
    )
  })

  t.test('422: shows the validation messages without the secret', { buffered: true }, async (t) => {
    const body = { message: 'Invalid.', errors: { url: [`The url http://x/jit/${SECRET} is taken.`] } }
    const apiUrl = await listening(t, (socket) =>
      socket.end(http('422 X', 'content-type: application/json\r\n', JSON.stringify(body))),
    )
    const message = `${REQUEST}Tratta rejected the request (422): url: The url http://x/jit/… is taken`
    t.match(await registerAt(apiUrl), { code: 1, stdout: '', stderr: `${message}\n` })
    await proceed(apiUrl)
    t.same((await run(t, ['register', '--json'], trattaSettings(database.url, apiUrl))).lines, [
      { error: message },
    ])
  })

  t.test('http to another machine', { buffered: true }, async (t) => {
    for (const host of ['192.0.2.1', 'localhost.evil.example', '127.0.0.1.evil.example', 'evil-localhost'])
      t.match(await registerAt(`http://${host}/api/v1`), {
        code: 2,
        stderr:
          'TRATTA_API_URL must be https, because requests carry the token (or set TRATTA_API_ALLOW_HTTP)',
      })
  })

  t.test('settings that are missing', { buffered: true }, async (t) => {
    t.match(await run(t, ['register'], { DATABASE_URL: database.url }), {
      code: 2,
      stderr: /JIT_SECRET is not set[\s\S]*TRATTA_API_URL is not set[\s\S]*TRATTA_API_TOKEN is not set/,
    })
  })
})

t.test('the client', async (t) => {
  t.jobs = 8
  const registerAt = (apiUrl: string) =>
    createTrattaClient({ apiUrl, token: 'simulated-token', secrets: [SECRET] }).createJitEndpoint(
      'http://x',
      {
        attempts: 2,
      },
    )
  const fails = (
    name: string,
    response: string | ((socket: Socket) => void),
    message: string,
    delivery: Delivery,
    retryable = false,
  ) =>
    t.test(name, { buffered: true }, async (t) => {
      const apiUrl = await listening(
        t,
        typeof response === 'string' ? (socket) => socket.end(response) : response,
      )
      await t.rejects(registerAt(apiUrl), { message: REQUEST + message, delivery, retryable })
    })

  fails(
    '401',
    http('401 Unauthorized', 'content-type: application/json\r\n', '{"message":"Unauthenticated."}'),
    'Tratta does not accept the token (401): Unauthenticated. Check TRATTA_API_TOKEN: production and sandbox have different tokens.',
    'rejected',
  )
  fails(
    '422 with `error` and `errorCode`',
    http('422 X', 'content-type: application/json\r\n', '{"error":"Wrong url","errorCode":17}'),
    'Tratta rejected the request (422): Wrong url 17',
    'rejected',
  )
  const long = 'x'.repeat(10_000)
  const shortened = `${'x'.repeat(300)}…`
  fails(
    '422 with a message of 10,000 characters',
    http('422 X', 'content-type: application/json\r\n', JSON.stringify({ message: long })),
    `Tratta rejected the request (422): ${shortened}`,
    'rejected',
  )
  fails(
    '422 with validation messages of 10,000 characters',
    http('422 X', 'content-type: application/json\r\n', JSON.stringify({ errors: { url: [long, long] } })),
    `Tratta rejected the request (422): url: ${'x'.repeat(295)}…`,
    'rejected',
  )
  fails(
    '500 with a text of 10,000 characters',
    http('500 X', 'content-type: text/html\r\n', `<p>${long}</p>`),
    `Tratta returned a server error (500): ${shortened}. Try again later.`,
    'unknown',
  )
  fails(
    '404',
    http('404 Not Found', 'content-type: text/html\r\n', '<h1>Nothing here</h1>'),
    'not found at Tratta (404): Nothing here. Check TRATTA_API_URL, for example https://<org-uuid>.production.tratta.io/api/v1.',
    'rejected',
  )
  fails(
    '429',
    http('429 Too Many Requests', 'content-type: application/json\r\n', '{"message":"Too Many Attempts."}'),
    'too many requests (429): Too Many Attempts. Try again later.',
    'not_accepted',
    true,
  )
  fails(
    '429 with Retry-After: 3600',
    http('429 Too Many Requests', 'retry-after: 3600\r\n'),
    'too many requests (429). Try again in 3600 s.',
    'not_accepted',
    true,
  )
  fails(
    '500 that repeats the token',
    http('500 X', '', 'simulated-token?'),
    'Tratta returned a server error (500): …?. Try again later.',
    'unknown',
  )
  fails(
    '301',
    http('301 Moved', 'location: http://elsewhere.example/\r\n'),
    'Tratta returned a redirect (301). Redirects are not followed, because the request contains the token. Check TRATTA_API_URL.',
    'rejected',
  )
  fails(
    '200 with a page of HTML',
    http('200 OK', 'content-type: text/html\r\n', '<html><title>Sign in</title></html>'),
    "the response (200) is not JSON: Sign in. Is TRATTA_API_URL the address of Tratta's API?",
    'unknown',
  )
  fails(
    'a reset connection',
    (socket) => socket.resetAndDestroy(),
    'the connection closed before a complete response (ECONNRESET). It is unknown whether Tratta accepted the request.',
    'unknown',
  )
  fails(
    'a response that is not HTTP',
    'not HTTP\r\n\r\n',
    'the connection closed before a complete response (HTTPParserError). It is unknown whether Tratta accepted the request.',
    'unknown',
  )
  fails(
    'no response',
    () => {},
    'no complete response within 10 s. It is unknown whether Tratta accepted the request.',
    'unknown',
  )
  fails(
    'an incomplete body',
    http('200 OK').replace('content-length: 0', 'content-length: 10'),
    'the connection closed before a complete response (UND_ERR_RES_CONTENT_LENGTH_MISMATCH). It is unknown whether Tratta accepted the request.',
    'unknown',
  )

  t.test('201 with an empty body: succeeds', { buffered: true }, async (t) => {
    const apiUrl = await listening(t, (socket) => socket.end(http('201 Created')))
    t.same(await registerAt(apiUrl), { status: 201, body: undefined, linkHeader: null })
  })

  t.test('10 MB, and a body that never ends', { buffered: true }, async (t) => {
    const { simulator } = await startSimulator(t)
    await simulator.injectFaults({ kind: 'huge', times: 1 }, { kind: 'endless', times: 1 })
    const message = `${REQUEST}the response (200) is longer than 1048576 bytes. Is TRATTA_API_URL the address of Tratta's API?`
    await t.rejects(registerAt(simulator.url), { message, delivery: 'unknown' })
    await t.rejects(registerAt(simulator.url), { message, delivery: 'unknown' })
  })

  t.test('an aborted signal, and an `onTurn` that throws: nothing is sent', { buffered: true }, async (t) => {
    const { simulator } = await startSimulator(t)
    const { createJitEndpoint } = createTrattaClient({ apiUrl: simulator.url, token: 'simulated-token' })
    const signal = AbortSignal.abort(new Error('stopping'))
    await t.rejects(createJitEndpoint('http://x', { signal }), { message: 'stopping' })
    const onTurn = () => Promise.reject(new Error('not now'))
    await t.rejects(createJitEndpoint('http://x', { onTurn }), { message: 'not now' })
    t.same(simulator.requests, [])
  })

  t.test('no server: not accepted', { buffered: true }, async (t) => {
    await t.rejects(registerAt('http://127.0.0.1:1024/api/v1'), {
      message: `${REQUEST}no connection to Tratta (ECONNREFUSED). Check TRATTA_API_URL, and that this machine can reach it.`,
      delivery: 'not_accepted',
    })
  })

  t.test('20 requests stay below the rate limit', { buffered: true }, async (t) => {
    const { simulator } = await startSimulator(t)
    const client = createTrattaClient({
      apiUrl: simulator.url,
      token: 'simulated-token',
      requestsPerMinute: 1200,
    })
    const begun = performance.now()
    await Promise.all(Array.from({ length: 20 }, () => client.createJitEndpoint('http://127.0.0.1:1/jit/x')))
    t.ok(performance.now() - begun >= 19 * 50)
  })
})
