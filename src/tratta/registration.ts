/**
 * Registers our URL at Tratta ("Create a JIT endpoint") once, also with several replicas, restarts, and crashes
 * between the POST and its stored result. A lock in Postgres lets one program at a time send the POST.
 *
 * States in `tratta_jit.registrations`, one row for each API URL:
 *
 * | state                         | event                                  | next state                         |
 * |-------------------------------|----------------------------------------|------------------------------------|
 * | no row, or a row of another   | the wait of the row is over            | in_flight, stored before the POST  |
 * | URL or secret                 |                                        |                                    |
 * | in_flight                     | 2xx                                    | registered                         |
 * | in_flight                     | "already taken", after a lost answer   | registered                         |
 * | in_flight                     | "already taken", without one           | already_registered                 |
 * | already_registered            | a trigger makes Tratta call us         | registered                         |
 * | in_flight                     | 3xx, 4xx except 429, 2xx without JSON  | rejected                           |
 * |                               | or with `success: false` or an error   |                                    |
 * | in_flight                     | 429, 5xx, timeout, no connection       | failed                             |
 * | in_flight                     | the program ends without a result      | in_flight                          |
 * | in_flight, failed             | the wait of the row is over            | in_flight                          |
 * | rejected                      | a later start of `serve`               | in_flight                          |
 * | registered, rejected,         | the `register` command                 | in_flight                          |
 * | already_registered            |                                        |                                    |
 */
import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import { createPool } from '../database/pool.ts'
import { backoffMs } from './backoff.ts'
import { isUrlTaken } from './error-body.ts'
import { jitUrl, type RegistrationConfig, trattaClient, urlDigest } from './jit-url.ts'
import { proveRegistration } from './prove-registration.ts'
import {
  readRegistration,
  type StoredRegistration,
  storeAttempt,
  storeResult,
  withRegistrationLock,
} from './registration-store.ts'
import { TrattaError } from './tratta-error.ts'

/**
 * The wait between any two POSTs, of all programs together: at most ten POSTs per minute. With the timeout of a
 * POST, 10 s, the URL is registered within half a minute after an outage of Tratta.
 */
export const BACKOFF = { minMs: 6_000, maxMs: 8_000 }
/** The interval of attempts to take the lock. */
const LOCK_WAIT_MS = 500

interface AttemptResult {
  state: 'registered' | 'already_registered' | 'rejected' | 'pending'
  /** Milliseconds until the next attempt. */
  waitMs: number
  /** The error of the last attempt, without secrets. */
  message?: string | undefined
  error?: TrattaError
}

interface AttemptOptions {
  /** Sends the POST even if the URL is registered or was rejected. */
  force?: boolean
  /** An earlier rejection is ignored: settings can have changed since. */
  since?: Date
  /** After it is aborted, no POST is sent. */
  signal?: AbortSignal
  /** Aborts a POST in flight. Its result stays unknown. */
  abort?: AbortSignal
}

/**
 * Registers the URL now, even if it is registered.
 * @returns whether it is proven that Tratta has the URL; otherwise Tratta reports that it has the URL already
 * @throws {TrattaError}
 */
export async function registerNow(config: RegistrationConfig): Promise<boolean> {
  const pool = registrationPool(config)
  try {
    for (;;) {
      const { state, waitMs, error } = await attemptRegistration(config, pool, { force: true })
      if (state === 'registered') return true
      // An account that cannot be read in time proves nothing.
      if (state === 'already_registered') return await proveRegistration(config, pool).catch(() => false)
      if (error) throw error
      await pause(waitMs)
    }
  } finally {
    await pool.end()
  }
}

/** Separate from the pool of the calls, because the lock keeps a connection busy during the POST. */
export const registrationPool = (config: RegistrationConfig) =>
  createPool({ ...config, DATABASE_POOL_SIZE: 2 }, { connectionMs: 5000, statementMs: 5000 })

/** Reads the stored state and sends at most one POST. */
export async function attemptRegistration(
  config: RegistrationConfig,
  pool: pg.Pool,
  options: AttemptOptions,
): Promise<AttemptResult> {
  const result = await withRegistrationLock(pool, () => attemptLocked(config, pool, options))
  return result ?? { state: 'pending', waitMs: LOCK_WAIT_MS }
}

async function attemptLocked(
  config: RegistrationConfig,
  pool: pg.Pool,
  options: AttemptOptions,
): Promise<AttemptResult> {
  const stored = await readRegistration(pool, config.TRATTA_API_URL)
  const isSame = stored?.urlDigest === urlDigest(config)
  if (isSame && !options.force) {
    const { state } = stored
    if (state === 'registered' || state === 'already_registered') return { state, waitMs: 0 }
    if (stored.state === 'rejected' && options.since && stored.requestedAt > options.since)
      return { state: 'rejected', waitMs: 0, message: stored.lastError ?? undefined }
  }
  if (stored && stored.waitMs > 0)
    return { state: 'pending', waitMs: stored.waitMs + Math.random() * LOCK_WAIT_MS }
  options.signal?.throwIfAborted()
  return await post(config, pool, isSame ? stored : undefined, options)
}

/** @param earlier the stored state of the same URL */
async function post(
  config: RegistrationConfig,
  pool: pg.Pool,
  earlier: StoredRegistration | undefined,
  { force, abort, signal }: AttemptOptions,
): Promise<AttemptResult> {
  const { TRATTA_API_URL: apiUrl, PUBLIC_URL: publicUrl } = config
  const attempts = earlier?.attempts ?? 0
  const backoff = backoffMs(attempts, BACKOFF)
  let maybeAccepted =
    earlier !== undefined && (earlier.maybeAccepted || ['in_flight', 'registered'].includes(earlier.state))
  await storeAttempt(pool, {
    apiUrl,
    urlDigest: urlDigest(config),
    publicUrl,
    attempts: attempts + 1,
    maybeAccepted,
    waitMs: backoff,
  })
  try {
    await trattaClient(config).createJitEndpoint(jitUrl(config), {
      // In the background the retry loop sends further attempts, at the pace that the database stores.
      attempts: force ? 4 : 1,
      onTurn: async () => signal?.throwIfAborted(),
      onRetry(error) {
        maybeAccepted ||= isMaybeAccepted(error)
      },
      ...(abort && { signal: abort }),
    })
  } catch (error) {
    if (!(error instanceof TrattaError)) throw error
    const { message } = error
    const waitMs = Math.max(backoff, error.retryAfterMs ?? 0)
    if (isUrlTaken(error) && !maybeAccepted) {
      await storeResult(pool, apiUrl, {
        state: 'already_registered',
        maybeAccepted,
        lastError: message,
        waitMs,
      })
      return { state: 'already_registered', waitMs, message }
    }
    if (!isUrlTaken(error)) {
      const isRejected = error.delivery === 'rejected' || isNotTratta(error)
      const state = isRejected ? 'rejected' : 'failed'
      maybeAccepted ||= isMaybeAccepted(error)
      await storeResult(pool, apiUrl, { state, maybeAccepted, lastError: message, waitMs })
      return { state: isRejected ? 'rejected' : 'pending', waitMs, message, error }
    }
  }
  await storeResult(pool, apiUrl, {
    state: 'registered',
    maybeAccepted: true,
    lastError: null,
    waitMs: backoff,
  })
  return { state: 'registered', waitMs: 0 }
}

/** A gateway can return a 5xx after Tratta accepted the request. */
const isMaybeAccepted = ({ delivery, status = 0 }: TrattaError) => delivery === 'unknown' || status >= 500

/** A redirect, or a 2xx response that is not JSON, means a wrong TRATTA_API_URL. A retry cannot succeed. */
const isNotTratta = ({ status }: TrattaError) => status !== undefined && status < 400
