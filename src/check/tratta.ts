/** What Tratta says to our token, and whether it has been told where we are. */
import type pg from 'pg'
import { createTrattaClient } from '../tratta/client.ts'
import { secretsOf, urlDigest } from '../tratta/registration.ts'
import { TrattaError } from '../tratta/tratta-error.ts'
import { check, errorFinding, type Finding, ok, warning } from './check.ts'
import { unlessForbidden } from './database.ts'

/** Tratta never gave it to anybody. */
const NO_BULK = '00000000-0000-4000-8000-000000000000'

/**
 * Of Tratta's documented requests one changes nothing: GET /bulk/{id}/errors. Asked for a bulk action that
 * does not exist, it answers 404 to whoever may ask, and 401 to others: so the simulator, and Laravel's
 * habits; unseen at Tratta.
 */
export const token = check({
  name: 'token',
  settings: ['TRATTA_API_URL', 'TRATTA_API_TOKEN'],
  async run({ config, clocks }) {
    const { TRATTA_API_URL, TRATTA_API_TOKEN } = config
    const asked = Date.now()
    const client = createTrattaClient({
      apiUrl: TRATTA_API_URL,
      token: TRATTA_API_TOKEN,
      secrets: secretsOf(config),
      onResponse({ headers }) {
        const date = Date.parse(headers.get('date') ?? '')
        const tookMs = Date.now() - asked
        // Whole seconds, cut.
        if (!Number.isNaN(date))
          clocks.push({
            of: 'Tratta',
            aheadMs: date + 500 - asked - tookMs / 2,
            uncertainMs: 500 + tookMs / 2,
          })
      },
    })
    try {
      await client.bulkErrors(NO_BULK, { attempts: 1, timeoutMs: 10_000 })
      return [ok('Tratta takes the token')]
    } catch (error) {
      if (!(error instanceof TrattaError)) throw error
      return [judge(error)]
    }
  },
})

function judge({ status, body, message }: TrattaError): Finding {
  if (status === 404 && body !== undefined)
    return ok('Tratta does not refuse the token (it knows no such bulk action, which was made up)')
  if (status === 401 || status === 403)
    return errorFinding(message, 'set TRATTA_API_TOKEN to the token of this TRATTA_API_URL')
  if (status === 429 || (status ?? 0) >= 500) return warning(message, 'check again later')
  return errorFinding(message, 'see that TRATTA_API_URL is right, and that this machine may reach it')
}

interface KnownRegistration {
  state: string
  url_digest: string
  public_url: string
  /** ISO 8601, to the second. */
  at: string
  last_error: string | null
}

export const registration = check({
  name: 'registration',
  needs: ['pool'],
  settings: ['PUBLIC_URL', 'JIT_SECRET', 'TRATTA_API_URL', 'TRATTA_API_TOKEN', 'DATABASE_URL'],
  async run({ pool, config }) {
    const found = await readRegistration(pool, config.TRATTA_API_URL).catch(unlessForbidden)
    if (!found) return [{ state: 'skipped', message: 'needs the right to read tratta_jit.registrations' }]
    const [known] = found
    if (!known)
      return [
        warning(
          'not registered at Tratta: it does not know where to ask',
          'run `tratta-jit register`; `serve` does it too, unless TRATTA_REGISTER is off',
        ),
      ]
    const { state, url_digest, public_url, at, last_error } = known
    if (url_digest !== urlDigest(config))
      return [
        errorFinding(
          public_url === config.PUBLIC_URL
            ? `registered with another secret, at ${public_url} (${at}): Tratta asks with that one`
            : `registered at another address, ${public_url} (${at}): Tratta asks there`,
          'restart `serve` or run `tratta-jit register`; until then JIT_SECRET_PREVIOUS keeps the old secret valid',
        ),
      ]
    if (state === 'registered') return [ok(`registered ${at} at ${public_url}, with this secret`)]
    if (state === 'rejected')
      return [
        errorFinding(
          `Tratta rejected the registration of ${public_url} (${at}): ${last_error}`,
          'fix the error, then run `tratta-jit register`',
        ),
      ]
    return [
      warning(
        `it is not known whether ${public_url} is registered (${state}, ${at})${last_error ? `: ${last_error}` : ''}`,
        '`serve` goes on trying; or run `tratta-jit register`',
      ),
    ]
  },
})

async function readRegistration(pool: pg.Pool, apiUrl: string): Promise<KnownRegistration[]> {
  const there = await pool.query(
    `select from pg_tables where (schemaname, tablename) = ('tratta_jit', 'registrations')`,
  )
  if (there.rowCount === 0) return []
  const { rows } = await pool.query<KnownRegistration>(
    `select state, url_digest, public_url, last_error,
       to_char(coalesce(registered_at, requested_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at
     from tratta_jit.registrations where api_url = $1`,
    [apiUrl],
  )
  return rows
}
