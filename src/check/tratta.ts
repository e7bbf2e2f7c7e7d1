/** Checks the token, and the registration of our URL at Tratta. */
import pg from 'pg'
import type { Config } from '../config.ts'
import { createTrattaClient } from '../tratta/client.ts'
import { secretsOf, urlDigest } from '../tratta/jit-url.ts'
import { proxyFor, proxyName } from '../tratta/proxy.ts'
import { readRegistration, type StoredRegistration } from '../tratta/registration-store.ts'
import { TrattaError } from '../tratta/tratta-error.ts'
import { type CheckResult, check, errorResult, ok, skipped, warning } from './check.ts'
import { unlessForbidden } from './database.ts'

/** A bulk action that does not exist. */
const NO_BULK = '00000000-0000-4000-8000-000000000000'

/**
 * Only one of Tratta's documented requests changes nothing: GET /bulk/{id}/errors. For a bulk action that does
 * not exist, Laravel returns 404 with a valid token and 401 with an invalid one. Tratta's responses are unknown.
 */
export const token = check({
  name: 'token',
  settings: ['TRATTA_API_URL', 'TRATTA_API_TOKEN'],
  async run({ config, clocks }) {
    const { TRATTA_API_URL, TRATTA_API_TOKEN } = config
    const started = Date.now()
    const client = createTrattaClient({
      apiUrl: TRATTA_API_URL,
      token: TRATTA_API_TOKEN,
      secrets: secretsOf(config),
      proxy: proxyFor(TRATTA_API_URL, config),
      onResponse({ headers }) {
        const date = Date.parse(headers.get('date') ?? '')
        const tookMs = Date.now() - started
        // The header has whole seconds, rounded down.
        if (!Number.isNaN(date))
          clocks.push({
            of: 'Tratta',
            aheadMs: date + 500 - started - tookMs / 2,
            uncertainMs: 500 + tookMs / 2,
          })
      },
    })
    try {
      await client.bulkErrors(NO_BULK, { attempts: 1, timeoutMs: 10_000 })
      return [ok('Tratta accepts the token'), ...proxyUsed(config)]
    } catch (error) {
      if (!(error instanceof TrattaError)) throw error
      return [resultOf(error), ...proxyUsed(config)]
    }
  },
})

function proxyUsed(config: Config<'TRATTA_API_URL'>): CheckResult[] {
  const { TRATTA_API_URL, HTTPS_PROXY, HTTP_PROXY } = config
  const isHttps = TRATTA_API_URL.startsWith('https:')
  const set = isHttps ? HTTPS_PROXY : HTTP_PROXY
  if (set === undefined) return []
  const name = isHttps ? 'HTTPS_PROXY' : 'HTTP_PROXY'
  return [
    proxyFor(TRATTA_API_URL, config)
      ? ok(`requests to Tratta use the proxy ${proxyName(set)} (${name})`)
      : ok(
          `requests to Tratta do not use the proxy ${proxyName(set)} (${name}): NO_PROXY excludes ${new URL(TRATTA_API_URL).host}`,
        ),
  ]
}

function resultOf({ status, body, message, problem, remedy, isPermanent }: TrattaError): CheckResult {
  if (status === 404 && body !== undefined)
    return ok('Tratta accepts the token (404 for a bulk action that does not exist)')
  if (status === 401 || status === 403)
    return errorResult(message, 'set TRATTA_API_TOKEN to the token of this TRATTA_API_URL')
  if (status === 429 || (status ?? 0) >= 500) return warning(message, 'check again later')
  if (isPermanent && status === undefined && remedy) return errorResult(problem, remedy)
  return errorResult(message, 'check TRATTA_API_URL, and that this machine can reach it')
}

export const registration = check({
  name: 'registration',
  needs: ['pool'],
  settings: ['PUBLIC_URL', 'JIT_SECRET', 'TRATTA_API_URL', 'TRATTA_API_TOKEN', 'DATABASE_URL'],
  async run({ pool, config }) {
    let stored: StoredRegistration | undefined
    try {
      stored = await readRegistration(pool, config.TRATTA_API_URL)
    } catch (error) {
      if (!isUndefinedTable(error)) {
        unlessForbidden(error)
        return [skipped('needs the privilege to read tratta_jit.registrations')]
      }
    }
    if (!stored)
      return [
        warning(
          'not registered at Tratta: Tratta has no URL to call',
          'run `tratta-jit register`; `serve` registers too, unless TRATTA_REGISTER is off',
        ),
      ]
    const { state, publicUrl, lastError } = stored
    const at = (stored.registeredAt ?? stored.requestedAt).toISOString().replace(/\.\d+/, '')
    if (stored.urlDigest !== urlDigest(config))
      return [
        errorResult(
          publicUrl === config.PUBLIC_URL
            ? `registered with another secret, at ${publicUrl} (${at}): Tratta calls with that secret`
            : `registered at another address, ${publicUrl} (${at}): Tratta calls that address`,
          'restart `serve` or run `tratta-jit register`; until then JIT_SECRET_PREVIOUS keeps the old secret valid',
        ),
      ]
    if (state === 'registered') return [ok(`registered ${at} at ${publicUrl}, with this secret`)]
    if (state === 'already_registered')
      return [
        warning(
          `Tratta has ${publicUrl} (${at}), registered by an earlier start or by somebody else`,
          'run `tratta-jit trigger ID`: it proves that Tratta calls this URL',
        ),
      ]
    if (state === 'rejected')
      return [
        errorResult(
          `Tratta rejected the registration of ${publicUrl} (${at}): ${lastError}`,
          'fix the error, then run `tratta-jit register`',
        ),
      ]
    return [
      warning(
        `it is unknown whether ${publicUrl} is registered (${state}, ${at})${lastError ? `: ${lastError}` : ''}`,
        '`serve` retries; or run `tratta-jit register`',
      ),
    ]
  },
})

/** The migrations have not run. */
const isUndefinedTable = (error: unknown) => error instanceof pg.DatabaseError && error.code === '42P01'
