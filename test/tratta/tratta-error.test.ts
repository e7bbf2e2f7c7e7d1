import t from 'tap'
import { TrattaError } from '../../src/tratta/tratta-error.ts'

const LABEL = 'POST /bulk'
const fromResponse = (
  status: number,
  { body = undefined as unknown, text = '', retryable = false, retryAfter = '' } = {},
) =>
  TrattaError.fromResponse(
    LABEL,
    new Response(null, { status, headers: retryAfter ? { 'retry-after': retryAfter } : {} }),
    text,
    { body, retryable },
  )
const fieldsOf = ({
  message,
  request,
  delivery,
  retryable,
  status,
  body,
  retryAfterMs,
  code,
}: TrattaError) => ({
  message: message.replace(`${LABEL}: `, ''),
  request,
  delivery,
  retryable,
  status,
  body,
  retryAfterMs,
  code,
})

t.test('fromResponse: the message and what the response proves', async (t) => {
  const CHECK_URL = 'Check TRATTA_API_URL, for example https://<org-uuid>.production.tratta.io/api/v1.'
  for (const [status, options, message, delivery] of [
    [
      200,
      { text: '<p>Sign  in</p>' },
      "the response (200) is not JSON: Sign in. Is TRATTA_API_URL the address of Tratta's API?",
      'unknown',
    ],
    [
      302,
      {},
      'Tratta returned a redirect (302). Redirects are not followed, because the request contains the token. Check TRATTA_API_URL.',
      'rejected',
    ],
    [400, { body: { message: 'No.' } }, 'Tratta rejected the request (400): No', 'rejected'],
    [400, {}, 'Tratta rejected the request (400)', 'rejected'],
    [
      401,
      {},
      'Tratta does not accept the token (401). Check TRATTA_API_TOKEN: production and sandbox have different tokens.',
      'rejected',
    ],
    [404, {}, `not found at Tratta (404). ${CHECK_URL}`, 'rejected'],
    [429, { retryable: true }, 'too many requests (429). Try again later.', 'not_accepted'],
    [503, { retryable: true }, 'Tratta returned a server error (503). Try again later.', 'not_accepted'],
    [503, {}, 'Tratta returned a server error (503). Try again later.', 'unknown'],
    [500, { text: 'x' }, 'Tratta returned a server error (500): x. Try again later.', 'unknown'],
    [
      422,
      { body: { error: 'Wrong url', errorCode: 17 } },
      'Tratta rejected the request (422): Wrong url 17',
      'rejected',
    ],
    [
      422,
      { body: { message: {}, error: null }, text: 'raw' },
      'Tratta rejected the request (422): raw',
      'rejected',
    ],
    [422, { body: null, text: 'null' }, 'Tratta rejected the request (422): null', 'rejected'],
    [422, { body: 'text', text: '"text"' }, 'Tratta rejected the request (422): "text"', 'rejected'],
    [
      422,
      { body: { message: 'Invalid.', errors: { url: ['is taken.', 'is long.'], name: 'is missing' } } },
      'Tratta rejected the request (422): url: is taken. is long.; name: is missing',
      'rejected',
    ],
    [
      422,
      { body: { message: 'x'.repeat(10_000) } },
      `Tratta rejected the request (422): ${'x'.repeat(300)}…`,
      'rejected',
    ],
    [
      422,
      { body: { message: 'x'.repeat(300) } },
      `Tratta rejected the request (422): ${'x'.repeat(300)}`,
      'rejected',
    ],
  ] as const)
    t.strictSame(fieldsOf(fromResponse(status, options)), {
      message,
      request: LABEL,
      delivery,
      retryable: 'retryable' in options,
      status,
      body: 'body' in options ? options.body : undefined,
      retryAfterMs: undefined,
      code: undefined,
    })
})

t.test('Retry-After in seconds, as a date, and invalid', async (t) => {
  const { retryAfterMs, message } = fromResponse(429, { retryAfter: '61' })
  t.equal(retryAfterMs, 61_000)
  t.match(message, 'Try again in 61 s.')
  const inAnHour = fromResponse(429, { retryAfter: new Date(Date.now() + 3_600_000).toUTCString() })
    .retryAfterMs!
  t.ok(inAnHour > 3_500_000 && inAnHour <= 3_600_000, String(inAnHour))
  t.equal(fromResponse(429, { retryAfter: 'Wed, 21 Oct 2015 07:28:00 GMT' }).retryAfterMs, 0)
  t.equal(fromResponse(429, { retryAfter: 'soon' }).retryAfterMs, undefined)
  t.equal(fromResponse(429, { retryAfter: '1x' }).retryAfterMs, undefined)
})

t.test('fromNetworkError: whether the request can have been accepted', async (t) => {
  const fields = (error: unknown) => fieldsOf(TrattaError.fromNetworkError(LABEL, error, 1500))
  const base = { request: LABEL, status: undefined, body: undefined, retryAfterMs: undefined }
  t.strictSame(fields(new DOMException('', 'TimeoutError')), {
    ...base,
    message: 'no complete response within 1.5 s. It is unknown whether Tratta accepted the request.',
    delivery: 'unknown',
    retryable: false,
    code: 'ETIMEDOUT',
  })
  const network = (code: string) =>
    new TypeError('fetch failed', { cause: Object.assign(new Error(), { code }) })
  for (const code of [
    ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT'],
    ...['ERR_SSL_X', 'ERR_TLS_X', 'CERT_HAS_EXPIRED'],
  ])
    t.strictSame(fields(network(code)), {
      ...base,
      message: `no connection to Tratta (${code}). Check TRATTA_API_URL, and that this machine can reach it.`,
      delivery: 'not_accepted',
      retryable: true,
      code,
    })
  // Only a change of settings helps.
  for (const code of [
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  ])
    t.strictSame(fields(network(code)), {
      ...base,
      message: `no connection to Tratta (${code}): this machine does not know the certificate authority. Set NODE_EXTRA_CA_CERTS to a PEM file with the certificate of the authority, for example of a proxy that inspects TLS.`,
      delivery: 'not_accepted',
      retryable: false,
      code,
    })
  for (const [cause, code] of [
    [Object.assign(new Error(), { code: 'ECONNRESET' }), 'ECONNRESET'],
    [Object.assign(new Error(), { code: 'XECONNREFUSED' }), 'XECONNREFUSED'],
    [Object.assign(new Error(), { code: 'ECONNREFUSEDX' }), 'ECONNREFUSEDX'],
    [new RangeError(), 'RangeError'],
    [undefined, 'undefined'],
  ] as const)
    t.strictSame(fields(new TypeError('fetch failed', { cause })), {
      ...base,
      message: `the connection closed before a complete response (${code}). It is unknown whether Tratta accepted the request.`,
      delivery: 'unknown',
      retryable: false,
      code,
    })
})

t.test('tooLong: unknown whether Tratta accepted the request', async (t) => {
  t.strictSame(fieldsOf(TrattaError.tooLong(LABEL, 200, 1000)), {
    message: "the response (200) is longer than 1000 bytes. Is TRATTA_API_URL the address of Tratta's API?",
    request: LABEL,
    delivery: 'unknown',
    retryable: false,
    status: 200,
    body: undefined,
    retryAfterMs: undefined,
    code: undefined,
  })
})
