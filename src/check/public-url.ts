/** Checks from this machine whether `serve` answers at PUBLIC_URL, and whether its certificate is valid. */
import { once } from 'node:events'
import { isIP } from 'node:net'
import { connect } from 'node:tls'
import { isInsecureRemote } from '../config.ts'
import { MIN_VALID_DAYS } from '../responder/certificate.ts'
import { PROBLEMS } from '../responder/problem.ts'
import { type CheckResult, check, errorResult, ok, skipped, warning } from './check.ts'

/** Tratta's own timeout ("Respond to a JIT request"). */
const TIMEOUT_MS = 10_000

export const publicUrl = check({
  name: 'public_url',
  settings: ['PUBLIC_URL', 'JIT_SECRET'],
  async run({ config: { PUBLIC_URL, JIT_SECRET } }) {
    const unknownId = `tratta-jit-check-${crypto.randomUUID()}`
    const start = performance.now()
    try {
      const response = await fetch(`${PUBLIC_URL}/jit/${JIT_SECRET}?debt_account_external_id=${unknownId}`, {
        redirect: 'manual',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      const code = await problemCode(response)
      const ms = Math.round(performance.now() - start)
      return [
        code === 'account_not_found'
          ? ok(`\`serve\` answers at ${PUBLIC_URL} in ${ms} ms`)
          : problemResult(PUBLIC_URL, response, code),
      ]
    } catch (error) {
      return [unreachable(PUBLIC_URL, error as Error & { cause?: NodeJS.ErrnoException })]
    }
  },
})

/** @returns the problem code; undefined when the response is not from `serve` */
async function problemCode(response: Response): Promise<string | undefined> {
  if (!response.headers.get('content-type')?.startsWith('application/problem+json')) {
    await response.body?.cancel()
    return undefined
  }
  try {
    const { code } = JSON.parse(await response.text())
    return Object.hasOwn(PROBLEMS, code) ? code : undefined
  } catch {
    return undefined
  }
}

function problemResult(url: string, response: Response, code: string | undefined): CheckResult {
  switch (code) {
    case 'not_found':
      return errorResult(
        `\`serve\` answers at ${url}, but rejects this secret`,
        'give `serve` and `check` the same JIT_SECRET, and remove a path from PUBLIC_URL that a proxy removes',
      )
    case 'client_not_allowed':
      return warning(
        `\`serve\` answers at ${url}, but this machine is not in ALLOWED_CLIENTS, so the secret cannot be checked from here`,
        'run `check` on a machine in ALLOWED_CLIENTS, and make sure that ALLOWED_CLIENTS contains the addresses of Tratta',
      )
    case 'too_many_guesses':
      return errorResult(
        `\`serve\` answers at ${url}, but rejects this secret (429, too many wrong secrets)`,
        'give `serve` and `check` the same JIT_SECRET',
      )
    case undefined:
      return errorResult(
        `another program answers at ${url}: ${describe(response)}`,
        'configure your proxy or load balancer to forward it to PORT of `serve`',
      )
    default:
      return errorResult(
        `\`serve\` answers at ${url} with ${response.status} ${code}`,
        'see the log of `serve`',
      )
  }
}

function describe({ status, headers }: Response): string {
  // Only the origin, because the path may contain the secret.
  const target = URL.parse(headers.get('location') ?? '')?.origin
  if (target) return `a redirect (${status}) to ${target}, and it is unknown whether Tratta follows redirects`
  return `${status}, ${headers.get('content-type') ?? 'without content type'}`
}

function unreachable(url: string, { name, cause }: Error & { cause?: NodeJS.ErrnoException }): CheckResult {
  if (name === 'TimeoutError')
    return errorResult(
      `${url} does not answer within ${TIMEOUT_MS / 1000} s`,
      'check that it leads to PORT of `serve`',
    )
  const code = cause?.code ?? name
  // The check `certificate` reports the error.
  if (/CERT|SIGNED|SSL|TLS|UNABLE_TO/.test(code)) return skipped('needs a trusted certificate')
  return errorResult(
    `nothing answers at ${url} (${code})`,
    'start `serve`, and check that PUBLIC_URL leads to its PORT; a firewall may also block only this machine',
  )
}

const DAY_MS = 24 * 60 * 60 * 1000

export const certificate = check({
  name: 'certificate',
  settings: ['PUBLIC_URL'],
  async run({ config: { PUBLIC_URL } }) {
    const { protocol, hostname, port } = new URL(PUBLIC_URL)
    if (protocol === 'http:')
      return [
        isInsecureRemote(PUBLIC_URL)
          ? errorResult(
              'PUBLIC_URL is http: the secret and the accounts cross the network in clear text',
              'set TLS_CERT_FILE and TLS_KEY_FILE, or put a TLS proxy in front of `serve`, and use https in PUBLIC_URL',
            )
          : ok('none is needed: PUBLIC_URL is this machine'),
      ]
    const host = hostname.replace(/^\[|\]$/g, '')
    const socket = connect({
      host,
      port: Number(port || 443),
      ...(isIP(host) === 0 && { servername: host }),
      // An untrusted certificate is read too. Nothing is sent.
      rejectUnauthorized: false,
      timeout: TIMEOUT_MS,
    })
    socket.on('timeout', () => socket.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })))
    try {
      await once(socket, 'secureConnect')
      const daysLeft = (Date.parse(socket.getPeerCertificate().valid_to) - Date.now()) / DAY_MS
      const days = Math.floor(daysLeft)
      if (daysLeft < 0) return [errorResult('the certificate of PUBLIC_URL has expired', 'renew it')]
      if (!socket.authorized)
        return [
          errorResult(
            `the certificate of PUBLIC_URL is not trusted (${String(socket.authorizationError)})`,
            'use a certificate for this name from a public certificate authority, with its intermediate certificates',
          ),
        ]
      const message = `the certificate of PUBLIC_URL is valid for ${days} more days`
      return [days < MIN_VALID_DAYS ? warning(message, 'renew it') : ok(message)]
    } catch (error) {
      const { code = 'no TLS' } = error as NodeJS.ErrnoException
      return [
        errorResult(
          `no certificate can be read at PUBLIC_URL (${code})`,
          'check that PUBLIC_URL leads to a TLS port',
        ),
      ]
    } finally {
      socket.destroy()
    }
  },
})
