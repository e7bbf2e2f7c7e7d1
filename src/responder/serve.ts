/** Starts the service: database, migrations, ports, and the registration at Tratta. */
import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import type { Config } from '../config.ts'
import { accountStatement } from '../database/account-statement.ts'
import { databaseError, userFacing } from '../database/connection-errors.ts'
import { findAccount } from '../database/find-account.ts'
import { migrate } from '../database/migrate.ts'
import { createPool } from '../database/pool.ts'
import { UnreadableRelationsError } from '../database/relations.ts'
import { tlsProblem } from '../database/tls-warning.ts'
import { describeError, type Log } from '../log.ts'
import { loadReadings, type Readings } from '../tratta/readings.ts'
import { type Registration, registerInBackground } from '../tratta/register-in-background.ts'
import { UserFacingError } from '../user-facing-error.ts'
import { readCertificate } from './certificate.ts'
import { createStatusReader } from './operational-status.ts'
import { raceAbort } from './race-abort.ts'
import { type Responder, startResponder } from './responder.ts'
import { watchCertificate } from './watch-certificate.ts'
import { type ServeConfig, watchSecretFiles } from './watch-secret-files.ts'

const DATABASE_TIMEOUT_MS = 60_000
const RETRY_MS = 1000
const CONNECTION_MS = 5000

interface ServeOptions {
  migrateFirst: boolean
  /** Aborts the start. After the abort nothing is registered. */
  signal: AbortSignal
  /** The environment of the settings. The console runs `check` with it. */
  environment?: NodeJS.ProcessEnv
}

interface Service extends Responder {
  /** Reads the secrets and the certificate from their files again. Never rejects. */
  reload(): Promise<void>
}

const RESTARTS_REGISTRATION = new Set<string>(['JIT_SECRET', 'TRATTA_API_TOKEN', 'DATABASE_URL'])

/**
 * @throws {UserFacingError} with the reason and the next step
 * @throws the reason of the signal
 */
export async function serve(
  config: ServeConfig,
  log: Log,
  { migrateFirst, signal, environment = process.env }: ServeOptions,
): Promise<Service> {
  const started = performance.now()
  const certificate = readCertificate(config)
  void warnOfInsecureDatabase(config, log)
  warnOfInsecureConsole(config, log)
  const { ssnLast4 } = await prepareDatabase(config, log, { migrateFirst, signal })
  let registration: Registration | undefined
  let isStopping = false
  const responder = await startResponder(config, log, {
    registration: () => registration?.state ?? 'pending',
    operationalStatus: createStatusReader(config),
    ssnLast4,
    certificate,
    signal,
    environment,
  })
  log.info({
    event: 'serving',
    port: Number(new URL(responder.url).port),
    admin_port: Number(new URL(responder.adminUrl).port),
    ms: Math.round(performance.now() - started),
  })
  // Last, because Tratta may call at once.
  registration = registerInBackground(config, log, signal)
  const secretFiles = watchSecretFiles(config, {
    environment,
    log,
    tryDatabase,
    async onChange(next, changed) {
      responder.useSecrets(next)
      if (!changed.some((name) => RESTARTS_REGISTRATION.has(name))) return
      await registration?.stop()
      if (!isStopping) registration = registerInBackground(next, log, signal)
    },
  })
  const certificateWatch = certificate && watchCertificate(config, log, certificate, responder.useCertificate)
  return {
    ...responder,
    async reload() {
      certificateWatch?.reload()
      await secretFiles.reload()
    },
    async stop(announceMs) {
      isStopping = true
      secretFiles.stop()
      certificateWatch?.stop()
      await Promise.all([registration?.stop(), responder.stop(announceMs)])
    },
  }
}

async function warnOfInsecureDatabase({ DATABASE_URL }: Config<'DATABASE_URL'>, log: Log) {
  // The connection itself reports a host that cannot be resolved.
  const problem = await tlsProblem(DATABASE_URL).catch(() => undefined)
  if (problem) log.warn({ event: 'insecure_database', message: problem.message, remedy: problem.remedy })
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|::1)$/

/** Without a trusted proxy in front, browsers send the password without TLS. */
function warnOfInsecureConsole({ CONSOLE_PASSWORD, ADMIN_HOST, TRUSTED_PROXIES }: Config, log: Log) {
  if (CONSOLE_PASSWORD && !LOOPBACK.test(ADMIN_HOST) && TRUSTED_PROXIES.length === 0)
    log.warn({
      event: 'insecure_console',
      message: 'other machines can reach the console without TLS, and read the password on the network',
      remedy:
        'set ADMIN_HOST to 127.0.0.1, or put a proxy with TLS in front and add its address to TRUSTED_PROXIES',
    })
}

async function prepareDatabase(
  config: Config<'DATABASE_URL'>,
  log: Log,
  { migrateFirst, signal }: ServeOptions,
): Promise<Readings> {
  // A separate pool, because a migration may take longer than a call.
  const pool = createPool(config, { connectionMs: CONNECTION_MS, statementMs: 0 })
  const sockets = new Set<pg.Client>()
  pool.on('connect', (client) => sockets.add(client))
  try {
    await raceAbort(reach(pool, log, signal), signal)
    if (migrateFirst) {
      const migrated = await raceAbort(migrate(pool), signal)
      for (const name of migrated) log.info({ event: 'migrated', name })
    }
    const statement = accountStatement(config.DATABASE_SCHEMA, false)
    await raceAbort(findAccount(pool, statement, '', { queryMs: DATABASE_TIMEOUT_MS }), signal)
    return await raceAbort(loadReadings(pool, config), signal)
  } catch (error) {
    signal.throwIfAborted()
    throw startupError(error)
  } finally {
    const ended = pool.end()
    // A statement that waits for a lock would keep the connection open and the process alive.
    if (signal.aborted) for (const client of sockets) client.connection.stream.destroy()
    else await ended
  }
}

/** Runs the lookup with a new DATABASE_URL. @throws why calls cannot be answered with it */
async function tryDatabase(config: ServeConfig) {
  const pool = createPool(
    { ...config, DATABASE_POOL_SIZE: 1 },
    { connectionMs: CONNECTION_MS, statementMs: 0 },
  )
  try {
    const statement = accountStatement(config.DATABASE_SCHEMA, false)
    await findAccount(pool, statement, '', { queryMs: CONNECTION_MS })
  } finally {
    void pool.end()
  }
}

function startupError(error: unknown): unknown {
  const known = userFacing(error)
  return known instanceof UnreadableRelationsError
    ? new UserFacingError(`The database cannot be used: ${known.message}`, { cause: error })
    : (known ?? error)
}

/** Waits for the database, which may restart at the same time as this machine. */
async function reach(pool: pg.Pool, log: Log, signal: AbortSignal) {
  const until = performance.now() + DATABASE_TIMEOUT_MS
  for (;;) {
    try {
      await pool.query('select 1')
      return
    } catch (error) {
      if (!databaseError(error)?.isTransient || performance.now() > until) throw error
      signal.throwIfAborted()
      log.warn({ event: 'waiting_for_database', error: describeError(error) })
      await pause(RETRY_MS, undefined, { signal })
    }
  }
}
