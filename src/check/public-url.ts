/** PUBLIC_URL as seen from here: whether we answer there, and what its certificate is worth. */
import { once } from 'node:events'
import { isIP } from 'node:net'
import { connect } from 'node:tls'
import { isInsecureRemote } from '../config.ts'
import { PROBLEMS } from '../responder/problem.ts'
import { check, errorFinding, type Finding, ok, warning } from './check.ts'

/** Tratta's own patience ("Respond to a JIT request"). */
const TIMEOUT_MS = 10_000

export const publicUrl = check({
  name: 'public_url',
  settings: ['PUBLIC_URL', 'JIT_SECRET'],
  async run({ config: { PUBLIC_URL, JIT_SECRET } }) {
    const nobody = `tratta-jit-check-${crypto.randomUUID()}`
    const begun = performance.now()
    try {
      const response = await fetch(`${PUBLIC_URL}/jit/${JIT_SECRET}?debt_account_external_id=${nobody}`, {
        redirect: 'manual',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      const code = await problemCode(response)
      const ms = Math.round(performance.now() - begun)
      return [
        code === 'account_not_found'
          ? ok(`${PUBLIC_URL} is answered by us in ${ms} ms`)
          : judge(PUBLIC_URL, response, code),
      ]
    } catch (error) {
      return [unreached(PUBLIC_URL, error as Error & { cause?: NodeJS.ErrnoException })]
    }
  },
})

/** Of the service's own refusals; undefined when it is somebody else who answers. */
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

function judge(url: string, response: Response, code: string | undefined): Finding {
  switch (code) {
    case 'not_found':
      return errorFinding(
        `${url} is answered by us, but not with this secret`,
        'give `serve` and `check` the same JIT_SECRET, and PUBLIC_URL no path that a proxy takes away',
      )
    case 'client_not_allowed':
      return warning(
        `${url} is answered by us, but this machine is none of ALLOWED_CLIENTS: more cannot be seen from here`,
        "let `check` run where ALLOWED_CLIENTS allows it, and see that Tratta's addresses are among them",
      )
    case 'too_many_guesses':
      return errorFinding(
        `${url} is answered by us, but not with this secret (429, too many wrong ones)`,
        'give `serve` and `check` the same JIT_SECRET',
      )
    case undefined:
      return errorFinding(
        `${url} is answered by somebody else: ${cameBack(response)}`,
        'let your proxy or balancer hand it to PORT of `serve`',
      )
    default:
      return errorFinding(
        `${url} is answered by us, with ${response.status} ${code}`,
        'see the log of `serve`',
      )
  }
}

function cameBack({ status, headers }: Response): string {
  // Only the origin: what stands behind it may hold the secret.
  const to = URL.parse(headers.get('location') ?? '')?.origin
  if (to) return `a redirect (${status}) to ${to}, and whether Tratta follows one is unknown`
  return `${status}, ${headers.get('content-type') ?? 'without content type'}`
}

function unreached(url: string, { name, cause }: Error & { cause?: NodeJS.ErrnoException }): Finding {
  if (name === 'TimeoutError')
    return errorFinding(
      `${url} does not answer within ${TIMEOUT_MS / 1000} s`,
      'see that it leads to PORT of `serve`',
    )
  const code = cause?.code ?? name
  // The next check says what is wrong with it.
  if (/CERT|SIGNED|SSL|TLS|UNABLE_TO/.test(code))
    return { state: 'skipped', message: 'needs a certificate that can be trusted' }
  return errorFinding(
    `${url} is not answered (${code})`,
    'start `serve`, and see that PUBLIC_URL leads to its PORT; a firewall may also keep only this machine out',
  )
}

const DAY_MS = 24 * 60 * 60 * 1000
/** Whoever renews automatically has done so by then. */
const FEW_DAYS = 14

export const certificate = check({
  name: 'certificate',
  settings: ['PUBLIC_URL'],
  async run({ config: { PUBLIC_URL } }) {
    const { protocol, hostname, port } = new URL(PUBLIC_URL)
    if (protocol === 'http:')
      return [
        isInsecureRemote(PUBLIC_URL)
          ? errorFinding(
              'PUBLIC_URL is http: the secret and the accounts go over the network in clear',
              'put TLS in front, and make it https',
            )
          : ok('none is needed: PUBLIC_URL is this machine'),
      ]
    const host = hostname.replace(/^\[|\]$/g, '')
    const socket = connect({
      host,
      port: Number(port || 443),
      ...(isIP(host) === 0 && { servername: host }),
      // It is looked at, whatever it is worth; nothing is sent.
      rejectUnauthorized: false,
      timeout: TIMEOUT_MS,
    })
    socket.on('timeout', () => socket.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })))
    try {
      await once(socket, 'secureConnect')
      const daysLeft = (Date.parse(socket.getPeerCertificate().valid_to) - Date.now()) / DAY_MS
      const days = Math.floor(daysLeft)
      if (daysLeft < 0) return [errorFinding('the certificate of PUBLIC_URL has expired', 'renew it')]
      if (!socket.authorized)
        return [
          errorFinding(
            `the certificate of PUBLIC_URL cannot be trusted (${String(socket.authorizationError)})`,
            'use one for this name from an authority that everybody trusts, with its intermediate certificates',
          ),
        ]
      const message = `the certificate of PUBLIC_URL is valid for ${days} more days`
      return [days < FEW_DAYS ? warning(message, 'renew it') : ok(message)]
    } catch (error) {
      const { code = 'no TLS' } = error as NodeJS.ErrnoException
      return [
        errorFinding(
          `no certificate can be seen at PUBLIC_URL (${code})`,
          'see that PUBLIC_URL leads to a TLS port',
        ),
      ]
    } finally {
      socket.destroy()
    }
  },
})
