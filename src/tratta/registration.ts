/**
 * Registers our URL at Tratta ("Create a JIT endpoint") once: over restarts, over replicas that start in
 * the same second, and over a death between the POST and the note of it. What is known stands in
 * `tratta_jit.registrations`, and a lock in Postgres lets one program ask at a time.
 */
import { hash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import type { Config } from '../config.ts'
import { createPool } from '../database/pool.ts'
import { describeError, type Log } from '../log.ts'
import { createTrattaClient, type TrattaClient } from './client.ts'
import { TrattaError } from './tratta-error.ts'

export type RegistrationConfig = Config<
  'DATABASE_URL' | 'JIT_SECRET' | 'PUBLIC_URL' | 'TRATTA_API_URL' | 'TRATTA_API_TOKEN'
>

/** As operators see it. `off`: by TRATTA_REGISTER, or because a setting that it needs is missing. */
export type RegistrationState = 'off' | 'pending' | 'registered' | 'rejected'

export interface Registration {
  readonly state: RegistrationState
  /** Ends the trying, within a second or so. */
  stop(): Promise<void>
}

/** Any two POSTs lie so far apart, whoever sends them: at most ten a minute, ever. */
const LEAST_PAUSE_MS = 6_000
/** With the POST's own limit of ten seconds: registered within half a minute of Tratta's return. */
const LONGEST_PAUSE_MS = 15_000
/** When we stop, a POST under way has so long to be answered and written down. */
const POST_GRACE_MS = 1000
/** After the cut, what is left to write down has this long. */
const CUT_MS = 500
/** While another program asks. */
const WAIT_MS = 500

export function registeredUrl({ PUBLIC_URL, JIT_SECRET }: RegistrationConfig): string {
  return `${PUBLIC_URL}/jit/${JIT_SECRET}`
}

/** By which the URL is known where it is written down, for it holds the secret. */
export const urlDigest = (config: RegistrationConfig): string => hash('sha256', registeredUrl(config), 'hex')

export function maskedUrl({ PUBLIC_URL }: RegistrationConfig): string {
  return `${PUBLIC_URL}/jit/…`
}

export function canRegister(config: Config<'DATABASE_URL' | 'JIT_SECRET'>): config is RegistrationConfig {
  return Boolean(config.PUBLIC_URL && config.TRATTA_API_URL && config.TRATTA_API_TOKEN)
}

/** What Tratta can repeat of the registered URLs. */
export const secretsOf = ({
  JIT_SECRET,
  JIT_SECRET_PREVIOUS,
}: Pick<Config, 'JIT_SECRET' | 'JIT_SECRET_PREVIOUS'>) =>
  [JIT_SECRET, JIT_SECRET_PREVIOUS].filter((secret) => secret !== undefined)

export function trattaClient(config: RegistrationConfig): TrattaClient {
  return createTrattaClient({
    apiUrl: config.TRATTA_API_URL,
    token: config.TRATTA_API_TOKEN,
    requestsPerMinute: config.TRATTA_REQUESTS_PER_MINUTE,
    secrets: secretsOf(config),
  })
}

/**
 * Registers in the background; calls are answered meanwhile, and after a failure too.
 * @param signal once it is aborted no request is sent
 */
export function registerInBackground(
  config: Config<'DATABASE_URL' | 'JIT_SECRET'>,
  log: Log,
  signal: AbortSignal,
): Registration {
  if (config.TRATTA_REGISTER === 'off' || !canRegister(config)) return { state: 'off', stop: async () => {} }
  let state: RegistrationState = 'pending'
  const stopping = new AbortController()
  const cutting = new AbortController()
  const trying = keepTrying(config, log, AbortSignal.any([stopping.signal, signal]), cutting.signal).then(
    (end) => {
      state = end
    },
    (error) => {
      if (stopping.signal.aborted || signal.aborted) return
      state = 'rejected'
      log.error({ event: 'not_registered', error: describeError(error) })
    },
  )
  return {
    get state() {
      return state
    },
    async stop() {
      stopping.abort()
      await Promise.race([trying, pause(POST_GRACE_MS, undefined, { ref: false })])
      cutting.abort()
      // A database that does not answer must not keep the process.
      await Promise.race([trying, pause(CUT_MS, undefined, { ref: false })])
    },
  }
}

async function keepTrying(config: RegistrationConfig, log: Log, signal: AbortSignal, cut: AbortSignal) {
  const pool = registrationPool(config)
  try {
    const started = await databaseTime(pool, log, signal)
    for (;;) {
      const { state, waitMs, said } = await ask(config, pool, { since: started, cut, signal }).catch(
        (error) => {
          signal.throwIfAborted()
          // Without our tables there is nowhere to note it, and no waiting helps.
          if (error instanceof pg.DatabaseError && error.code?.startsWith('42')) throw error
          return { state: 'pending' as const, waitMs: LEAST_PAUSE_MS, said: describeError(error).code }
        },
      )
      if (state === 'registered') log.info({ event: 'registered', public_url: config.PUBLIC_URL })
      if (state === 'rejected') log.error({ event: 'registration_rejected', said })
      if (state !== 'pending') return state
      if (said !== undefined) log.warn({ event: 'not_registered_yet', said, next_in_ms: Math.round(waitMs) })
      await pause(waitMs, undefined, { signal })
    }
  } finally {
    await pool.end()
  }
}

/** Registers now, whatever was registered before. @throws {TrattaError} */
export async function registerNow(config: RegistrationConfig): Promise<void> {
  const pool = registrationPool(config)
  try {
    for (;;) {
      const { state, waitMs, error } = await ask(config, pool, { anyway: true })
      if (state === 'registered') return
      if (error) throw error
      await pause(waitMs)
    }
  } finally {
    await pool.end()
  }
}

/** A lock that waits for Tratta takes a connection; those of the lookups are for calls. */
const registrationPool = (config: RegistrationConfig) =>
  createPool({ ...config, DATABASE_POOL_SIZE: 2 }, { connectionMs: 5000, statementMs: 5000 })

async function databaseTime(pool: pg.Pool, log: Log, signal: AbortSignal): Promise<Date> {
  for (;;) {
    try {
      return (await pool.query('select now()')).rows[0].now
    } catch (error) {
      log.warn({ event: 'not_registered_yet', said: describeError(error).code, next_in_ms: LEAST_PAUSE_MS })
      await pause(LEAST_PAUSE_MS, undefined, { signal })
    }
  }
}

interface Asked {
  state: 'registered' | 'rejected' | 'pending'
  /** Until it makes sense to ask again. */
  waitMs: number
  said?: string | undefined
  error?: TrattaError
}

interface AskOptions {
  /** Register although it is registered, or was refused. */
  anyway?: boolean
  /** A refusal before this is not ours: settings may have changed with the new start. */
  since?: Date
  /** Once it is aborted no POST is sent. */
  signal?: AbortSignal
  /** Cuts a POST under way: what came of it stays unknown. */
  cut?: AbortSignal
}

/** One look at what is known and, where it is our turn, one POST. */
async function ask(config: RegistrationConfig, pool: pg.Pool, options: AskOptions): Promise<Asked> {
  const digest = urlDigest(config)
  const client = await pool.connect()
  try {
    // Held while Tratta is asked. Of a program that dies Postgres ends the transaction, and with it the lock.
    await client.query('begin')
    await client.query("set local idle_in_transaction_session_timeout = '60s'")
    const { rows: locks } = await client.query(
      "select pg_try_advisory_xact_lock(hashtextextended('tratta_jit.registrations', 0)) as locked",
    )
    if (!locks[0].locked) return { state: 'pending', waitMs: WAIT_MS }
    const { rows } = await pool.query(
      `select *, extract(epoch from next_attempt_at - now())::float8 * 1000 as wait_ms
       from tratta_jit.registrations where api_url = $1`,
      [config.TRATTA_API_URL],
    )
    const known: KnownRegistration | undefined = rows[0]
    const isSame = known?.url_digest === digest
    if (isSame && !options.anyway) {
      if (known.state === 'registered') return { state: 'registered', waitMs: 0 }
      if (known.state === 'rejected' && options.since && known.requested_at > options.since)
        return { state: 'rejected', waitMs: 0, said: known.last_error ?? undefined }
    }
    if (known && known.wait_ms > 0)
      return { state: 'pending', waitMs: known.wait_ms + Math.random() * WAIT_MS }
    return await post(config, pool, digest, isSame ? known.attempts : 0, options)
  } finally {
    // Ends the transaction too, also where the connection is what has failed.
    await client.query('rollback').then(
      () => client.release(),
      () => client.release(true),
    )
  }
}

interface KnownRegistration {
  url_digest: string
  state: 'in_flight' | 'registered' | 'rejected' | 'failed'
  attempts: number
  requested_at: Date
  last_error: string | null
  wait_ms: number
}

async function post(
  config: RegistrationConfig,
  pool: pg.Pool,
  digest: string,
  attempts: number,
  { anyway, cut, signal }: AskOptions,
): Promise<Asked> {
  signal?.throwIfAborted()
  const pauseMs = growingPause(attempts)
  // Written before the POST: a death in between is then seen, and the next start asks again.
  await pool.query(
    `insert into tratta_jit.registrations as known
       (api_url, url_digest, public_url, state, attempts, requested_at, next_attempt_at)
     values ($1, $2, $3, 'in_flight', $4, now(), now() + $5 * interval '1 millisecond')
     on conflict (api_url) do update set
       (url_digest, public_url, state, attempts, requested_at, next_attempt_at, registered_at, last_error) =
       (excluded.url_digest, excluded.public_url, excluded.state, excluded.attempts, excluded.requested_at,
        excluded.next_attempt_at, null, null)`,
    [config.TRATTA_API_URL, digest, config.PUBLIC_URL, attempts + 1, pauseMs],
  )
  const settle = (state: 'registered' | 'rejected' | 'failed', said: string | null, waitMs: number) =>
    pool.query(
      `update tratta_jit.registrations set state = $2, last_error = $3,
         next_attempt_at = now() + $4 * interval '1 millisecond',
         registered_at = case $2 when 'registered' then now() end
       where api_url = $1`,
      [config.TRATTA_API_URL, state, said, waitMs],
    )
  try {
    await trattaClient(config).createJitEndpoint(registeredUrl(config), {
      // In the background it is this file that tries again, in step with all other programs.
      attempts: anyway ? 4 : 1,
      onTurn: async () => signal?.throwIfAborted(),
      ...(cut && { signal: cut }),
    })
  } catch (error) {
    if (!(error instanceof TrattaError)) throw error
    const isFinal = error.delivery === 'rejected' || isNotTratta(error)
    const waitMs = Math.max(pauseMs, error.retryAfterMs ?? 0)
    await settle(isFinal ? 'rejected' : 'failed', error.message, waitMs)
    return { state: isFinal ? 'rejected' : 'pending', waitMs, said: error.message, error }
  }
  await settle('registered', null, pauseMs)
  return { state: 'registered', waitMs: 0 }
}

/** A redirect, or a page where JSON should be: somebody has to look at the settings. */
const isNotTratta = ({ status }: TrattaError) => status !== undefined && status < 400

/** Grows from the least to the longest, and differs a little from one time to the next. */
function growingPause(attempts: number): number {
  const grown = LEAST_PAUSE_MS * 1.5 ** Math.min(attempts, 10)
  return Math.min(LONGEST_PAUSE_MS, grown) + Math.random() * 1000
}
