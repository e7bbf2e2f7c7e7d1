/** The retry loop of `serve` that registers our URL at Tratta. */
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import type { Config } from '../config.ts'
import { describeError, type Log } from '../log.ts'
import { canRegister, type RegistrationConfig } from './jit-url.ts'
import { proveRegistration } from './prove-registration.ts'
import { attemptRegistration, BACKOFF, registrationPool } from './registration.ts'

/**
 * `already_registered`: Tratta has the URL, but it is not proven that a program of this database registered it.
 * `off`: TRATTA_REGISTER is off, or a required setting is missing. `rejected`: Tratta rejected the URL. `failed`: the
 * registration cannot be stored, because our tables are missing or not accessible; nothing retries it.
 */
export const REGISTRATION_STATES = [
  'off',
  'pending',
  'registered',
  'already_registered',
  'rejected',
  'failed',
] as const
export type RegistrationState = (typeof REGISTRATION_STATES)[number]

export interface Registration {
  readonly state: RegistrationState
  /** Ends the retry loop, within POST_GRACE_MS and STORE_GRACE_MS. */
  stop(): Promise<void>
}

/** When the program stops, a POST in flight has this time to complete. */
const POST_GRACE_MS = 1000
/** After the POST is aborted, the stored result has this time to complete. */
const STORE_GRACE_MS = 500

/**
 * Starts the retry loop. Calls are answered meanwhile and after a failure.
 * @param signal after it is aborted, no request is sent
 */
export function registerInBackground(
  config: Config<'DATABASE_URL' | 'JIT_SECRET'>,
  log: Log,
  signal: AbortSignal,
): Registration {
  if (config.TRATTA_REGISTER === 'off' || !canRegister(config)) return { state: 'off', stop: async () => {} }
  let state: RegistrationState = 'pending'
  const stopping = new AbortController()
  const aborting = new AbortController()
  const loop = retryLoop(config, log, AbortSignal.any([stopping.signal, signal]), aborting.signal).then(
    (finalState) => {
      state = finalState
    },
    (error) => {
      if (stopping.signal.aborted || signal.aborted) return
      state = 'failed'
      log.error({ event: 'registration_failed', error: describeError(error) })
    },
  )
  return {
    get state() {
      return state
    },
    async stop() {
      stopping.abort()
      await Promise.race([loop, pause(POST_GRACE_MS, undefined, { ref: false })])
      aborting.abort()
      // A database that does not respond must not keep the process running.
      await Promise.race([loop, pause(STORE_GRACE_MS, undefined, { ref: false })])
    },
  }
}

async function retryLoop(config: RegistrationConfig, log: Log, signal: AbortSignal, abort: AbortSignal) {
  const pool = registrationPool(config)
  const logRetry = (message: string | undefined, waitMs: number) =>
    log.warn({ event: 'registration_retry', message, next_in_ms: Math.round(waitMs) })
  try {
    const since = await databaseTime(pool, logRetry, signal)
    for (;;) {
      const { state, waitMs, message } = await attemptRegistration(config, pool, {
        since,
        abort,
        signal,
      }).catch((error) => {
        signal.throwIfAborted()
        // Class 42: our tables are missing or not readable. A retry cannot succeed.
        if (error instanceof pg.DatabaseError && error.code?.startsWith('42')) throw error
        return { state: 'pending' as const, waitMs: BACKOFF.minMs, message: describeError(error).code }
      })
      if (
        state === 'already_registered' &&
        (await isProven(config, pool, log, AbortSignal.any([signal, abort])))
      ) {
        log.info({ event: 'registered', public_url: config.PUBLIC_URL, proven_by: 'trigger' })
        return 'registered'
      }
      if (state === 'already_registered') log.warn({ event: 'already_registered', message, remedy: PROVE_IT })
      if (state === 'registered') log.info({ event: 'registered', public_url: config.PUBLIC_URL })
      if (state === 'rejected') log.error({ event: 'registration_rejected', message })
      if (state !== 'pending') return state
      if (message !== undefined) logRetry(message, waitMs)
      await pause(waitMs, undefined, { signal })
    }
  } finally {
    await pool.end()
  }
}

const PROVE_IT = 'tratta-jit trigger ID proves that Tratta calls this URL'

async function isProven(config: RegistrationConfig, pool: pg.Pool, log: Log, signal: AbortSignal) {
  return proveRegistration(config, pool, signal).catch((error) => {
    signal.throwIfAborted()
    log.warn({ event: 'registration_not_proven', error: describeError(error) })
    return false
  })
}

async function databaseTime(
  pool: pg.Pool,
  logRetry: (message: string | undefined, waitMs: number) => void,
  signal: AbortSignal,
): Promise<Date> {
  for (;;) {
    try {
      const { rows } = await pool.query<{ now: Date }>('select now()')
      return rows[0]!.now
    } catch (error) {
      logRetry(describeError(error).code, BACKOFF.minMs)
      await pause(BACKOFF.minMs, undefined, { signal })
    }
  }
}
