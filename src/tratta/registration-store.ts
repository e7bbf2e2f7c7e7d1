/** All SQL that reads or writes `tratta_jit.registrations`. See registration.ts for the states. */
import type pg from 'pg'
import { type RegistrationConfig, urlDigest } from './jit-url.ts'

export interface StoredRegistration {
  state: 'in_flight' | 'registered' | 'already_registered' | 'rejected' | 'failed'
  urlDigest: string
  publicUrl: string
  attempts: number
  /** Whether an earlier attempt may have been accepted. */
  maybeAccepted: boolean
  requestedAt: Date
  registeredAt: Date | null
  /** Without secrets. */
  lastError: string | null
  /** Milliseconds until the next attempt is allowed; negative afterwards. */
  waitMs: number
}

/**
 * A subquery: the Unix time in seconds at which the URL was registered, or null.
 * `$1` is the URL of Tratta's API, `$2` the digest of the registered URL.
 */
export const REGISTERED_AT = `(
  select extract(epoch from registered_at) from tratta_jit.registrations
  where api_url = $1 and url_digest = $2 and state = 'registered')`

export async function readRegistration(
  pool: pg.Pool,
  apiUrl: string,
): Promise<StoredRegistration | undefined> {
  const { rows } = await pool.query<StoredRegistration>(
    `select state, url_digest as "urlDigest", public_url as "publicUrl", attempts, maybe_accepted as "maybeAccepted",
       requested_at as "requestedAt",
       registered_at as "registeredAt", last_error as "lastError",
       extract(epoch from next_attempt_at - now())::float8 * 1000 as "waitMs"
     from tratta_jit.registrations where api_url = $1`,
    [apiUrl],
  )
  return rows[0]
}

export async function storeAttempt(
  pool: pg.Pool,
  {
    apiUrl,
    urlDigest,
    publicUrl,
    attempts,
    maybeAccepted,
    waitMs,
  }: { apiUrl: string } & Pick<
    StoredRegistration,
    'urlDigest' | 'publicUrl' | 'attempts' | 'maybeAccepted' | 'waitMs'
  >,
): Promise<void> {
  await pool.query(
    `insert into tratta_jit.registrations
       (api_url, url_digest, public_url, state, attempts, maybe_accepted, requested_at, next_attempt_at)
     values ($1, $2, $3, 'in_flight', $4, $5, now(), now() + $6 * interval '1 millisecond')
     on conflict (api_url) do update set
       (url_digest, public_url, state, attempts, maybe_accepted, requested_at, next_attempt_at, registered_at,
        last_error) =
       (excluded.url_digest, excluded.public_url, excluded.state, excluded.attempts, excluded.maybe_accepted,
        excluded.requested_at, excluded.next_attempt_at, null, null)`,
    [apiUrl, urlDigest, publicUrl, attempts, maybeAccepted, waitMs],
  )
}

export async function storeResult(
  pool: pg.Pool,
  apiUrl: string,
  {
    state,
    maybeAccepted,
    lastError,
    waitMs,
  }: Pick<StoredRegistration, 'state' | 'maybeAccepted' | 'lastError' | 'waitMs'>,
): Promise<void> {
  await pool.query(
    `update tratta_jit.registrations set state = $2, last_error = $3, maybe_accepted = $4,
       next_attempt_at = now() + $5 * interval '1 millisecond',
       registered_at = case $2 when 'registered' then now() end
     where api_url = $1`,
    [apiUrl, state, lastError, maybeAccepted, waitMs],
  )
}

/** A call of Tratta has proven that it has the URL. */
export async function storeProof(pool: pg.Pool, apiUrl: string, urlDigest: string): Promise<void> {
  await pool.query(
    `update tratta_jit.registrations set state = 'registered', registered_at = now(), last_error = null
     where api_url = $1 and url_digest = $2 and state = 'already_registered'`,
    [apiUrl, urlDigest],
  )
}

/**
 * Calls `work` while this program holds the registration lock of the database. Postgres releases the lock when
 * the program ends.
 * @returns undefined, without a call of `work`, while another program holds the lock
 */
export async function withRegistrationLock<T>(pool: pg.Pool, work: () => Promise<T>): Promise<T | undefined> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query("set local idle_in_transaction_session_timeout = '60s'")
    const { rows } = await client.query<{ locked: boolean }>(
      "select pg_try_advisory_xact_lock(hashtextextended('tratta_jit.registrations', 0)) as locked",
    )
    return rows[0]!.locked ? await work() : undefined
  } finally {
    // Destroys the connection if it cannot end the transaction.
    await client.query('rollback').then(
      () => client.release(),
      () => client.release(true),
    )
  }
}

/** Whether Tratta has this URL, as far as it is known here. */
export async function isRegistered(config: RegistrationConfig, pool: pg.Pool): Promise<boolean> {
  const stored = await readRegistration(pool, config.TRATTA_API_URL).catch(() => undefined)
  return stored?.urlDigest === urlDigest(config) && /^(already_)?registered$/.test(stored.state)
}
