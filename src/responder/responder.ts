/** The server: starts and stops both ports in order. */
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { Server as TlsServer } from 'node:tls'
import { createCallLog } from '../calls/call-log.ts'
import type { Config } from '../config.ts'
import { configuredStatement } from '../database/account-statement.ts'
import { replaceConnections, warmUp } from '../database/new-connections.ts'
import { createPool, limitsWithin } from '../database/pool.ts'
import type { Log } from '../log.ts'
import type { SsnLast4Format } from '../payload/column-values.ts'
import type { RegistrationState } from '../tratta/register-in-background.ts'
import { addAdminRoutes } from './admin-routes.ts'
import { type App, createApp } from './app.ts'
import { callLogRow } from './call-record.ts'
import { createCanary } from './canary.ts'
import type { Certificate } from './certificate.ts'
import { addJitRoute, JIT_ROUTE } from './jit-route.ts'
import { limitConnections, maxConnections } from './limit-connections.ts'
import { listenError } from './listen-error.ts'
import { routeOf } from './log-request.ts'
import { createMetrics } from './metrics.ts'
import type { StatusReader } from './operational-status.ts'
import { raceAbort } from './race-abort.ts'
import { createReadiness } from './readiness.ts'
import { replicaSource } from './replica-source.ts'

export interface Responder {
  /** The URL of the public port, `http://127.0.0.1:8080`. */
  url: string
  /** The URL of the admin port. */
  adminUrl: string
  /**
   * Stops in order: becomes not ready, serves for another `announceMs` so that load balancers notice,
   * finishes the open calls, closes. Takes at most `announceMs`, the deadline and two seconds.
   */
  stop(announceMs?: number): Promise<void>
  /** Applies a change of secrets or of DATABASE_URL. Calls in progress continue. */
  useSecrets(config: Config<'DATABASE_URL' | 'JIT_SECRET'>): void
  /** Uses a certificate for new connections. Only with TLS. */
  useCertificate(certificate: Certificate): void
}

/** The listen backlog. With Node's default of 511, a burst of connections can delay a call by a second. */
const BACKLOG = 4096

/** The time for open calls to end when the start fails after a port is open, in milliseconds. */
const START_CALLS_MS = 500

/** The time in which load balancers and Kubernetes stop sending calls, in milliseconds. */
export const ANNOUNCE_STOP_MS = 3000

/** The objects that the responder uses and does not create. */
interface Dependencies {
  registration: () => RegistrationState
  /** Closed when the responder stops. */
  operationalStatus: StatusReader
  /** How `ssn_last4` is sent. */
  ssnLast4: SsnLast4Format
  /** Serves https on PORT. */
  certificate: Certificate | undefined
  /** Aborts the start. */
  signal: AbortSignal
  /** The environment of the settings. */
  environment: NodeJS.ProcessEnv
}

export async function startResponder(
  config: Config<'DATABASE_URL' | 'JIT_SECRET'>,
  log: Log,
  { registration, operationalStatus, ssnLast4, certificate, signal, environment }: Dependencies,
): Promise<Responder> {
  const pool = createPool(config, limitsWithin(config.JIT_DEADLINE_MS))
  const statement = configuredStatement(config, config.DATABASE_PREPARED_STATEMENTS)
  const replica = replicaSource(config, statement)
  const sources = { pool, statement, replica }
  const readiness = createReadiness(sources)
  const metrics = createMetrics(pool, config)
  const callLog = createCallLog(config, log, metrics.callLogDropped)
  if (certificate) metrics.certificateExpires(certificate.x509.validToDate)

  const canary = createCanary(config, log, metrics.canaryCalled)

  const appOptions = { log, readiness, registration, trustedProxies: config.TRUSTED_PROXIES }
  const app = createApp({
    ...appOptions,
    certificate,
    publicUrl: config.PUBLIC_URL,
    onFinish(request, reply) {
      if (canary?.isSender(request.raw)) return
      if (request.routeOptions.url === JIT_ROUTE) metrics.called(request.outcome, reply.elapsedTime / 1000)
      else if (request.is404) metrics.unmatched(routeOf(request))
      if (request.call) callLog?.add(callLogRow(request.call, request, reply))
    },
  })
  const connections = limitConnections(app, {
    max: maxConnections(config.DATABASE_POOL_SIZE),
    trustedProxies: config.TRUSTED_PROXIES,
    onRejected: metrics.connectionRejected,
  })
  const jitRoute = await addJitRoute(app, {
    config,
    sources,
    readiness,
    metrics,
    connections,
    canary,
    ssnLast4,
  })
  const admin = createApp(appOptions)
  const console = await addAdminRoutes(admin, {
    config,
    environment,
    pool,
    readiness,
    metrics,
    operationalStatus,
    registration,
  })

  const warmUpEnd = new AbortController()
  let stopped: Promise<void> | undefined
  const stop = async (announceMs: number, callsMs = config.JIT_DEADLINE_MS + 500) => {
    readiness.announceStop()
    canary?.stop()
    await pause(announceMs)
    await closeWithin(app, callsMs)
    await closeWithin(admin, 100)
    warmUpEnd.abort()
    const ended = Promise.race([
      Promise.all([pool.end(), replica?.pool.end(), operationalStatus.end()]),
      pause(400),
    ])
    await Promise.all([ended, callLog?.close()])
  }
  try {
    // Reads the columns and opens a connection before the first call.
    await raceAbort(readiness.missing(), signal)
    await app.listen({ host: config.HOST, port: config.PORT, backlog: BACKLOG }).catch((error) => {
      throw listenError(error, { host: 'HOST', port: 'PORT' }, config.PORT) ?? error
    })
    signal.throwIfAborted()
    await admin.listen({ host: config.ADMIN_HOST, port: config.ADMIN_PORT }).catch((error) => {
      throw listenError(error, { host: 'ADMIN_HOST', port: 'ADMIN_PORT' }, config.ADMIN_PORT) ?? error
    })
    signal.throwIfAborted()
  } catch (error) {
    await stop(0, START_CALLS_MS)
    throw error
  }
  void warmUp(pool, warmUpEnd.signal)
  canary?.start(urlOf(app))
  let databaseUrl = config.DATABASE_URL
  return {
    url: urlOf(app),
    adminUrl: urlOf(admin),
    useCertificate({ options, x509 }) {
      ;(app.server as unknown as TlsServer).setSecureContext(options)
      metrics.certificateExpires(x509.validToDate)
    },
    stop: (announceMs = 0) => (stopped ??= stop(announceMs)),
    useSecrets(changed) {
      jitRoute.useSecrets(changed)
      canary?.useSecrets(changed)
      operationalStatus.useSecrets(changed)
      console?.useSecrets(changed)
      if (changed.DATABASE_URL === databaseUrl) return
      databaseUrl = changed.DATABASE_URL
      replaceConnections(pool, databaseUrl)
      callLog?.useDatabase(databaseUrl)
      void warmUp(pool, warmUpEnd.signal)
    },
  }
}

/** Waits for calls in progress, but not for idle connections. */
async function closeWithin(app: App, milliseconds: number) {
  const timer = setTimeout(() => app.server.closeAllConnections(), milliseconds)
  await app.close()
  clearTimeout(timer)
}

function urlOf(app: App) {
  const { address, family, port } = app.server.address() as AddressInfo
  const host = ['0.0.0.0', '::'].includes(address) ? '127.0.0.1' : address
  return `${app.server instanceof TlsServer ? 'https' : 'http'}://${family === 'IPv6' && host === address ? `[${host}]` : host}:${port}`
}
