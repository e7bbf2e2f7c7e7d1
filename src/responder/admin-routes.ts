/** The routes for operators: metrics, health with details, and the description of the API. */
import type pg from 'pg'
import type { Config } from '../config.ts'
import type { Console, ConsoleConfig } from '../console/shared.ts'
import type { RegistrationState } from '../tratta/register-in-background.ts'
import { VERSION } from '../version.ts'
import { apiPage, PAGE_POLICY } from './api-page.ts'
import { type App, WITH_HEAD } from './app.ts'
import type { Metrics } from './metrics.ts'
import { openApi } from './openapi.ts'
import type { StatusReader } from './operational-status.ts'
import { sendProblem } from './problem.ts'
import type { Readiness } from './readiness.ts'

interface AdminRoutesOptions {
  config: Config<'DATABASE_URL' | 'JIT_SECRET'>
  environment: NodeJS.ProcessEnv
  pool: pg.Pool
  readiness: Readiness
  metrics: Metrics
  operationalStatus: StatusReader
  registration: () => RegistrationState
}

/** @returns undefined without a console */
export async function addAdminRoutes(
  app: App,
  { config, environment, pool, readiness, metrics, operationalStatus, registration }: AdminRoutesOptions,
): Promise<Console | undefined> {
  const api = openApi(config.PUBLIC_URL)
  const page = apiPage(api)

  app.get('/metrics', async (request, reply) => {
    const [missing, read] = await Promise.all([readiness.missing(), operationalStatus.read()])
    const text = await metrics.text({
      ready: !missing,
      registration: registration(),
      operationalStatus: read.operationalStatus,
    })
    request.outcome = 'answered'
    return reply.header('content-type', metrics.contentType).send(text)
  })

  app.get('/health', WITH_HEAD, async (request, reply) => {
    const [missing, read] = await Promise.all([readiness.missing(), operationalStatus.read()])
    const checks = {
      version: VERSION,
      node: process.versions.node,
      up_seconds: Math.round(process.uptime()),
      database: missing === 'database' ? 'does not answer' : 'answers',
      pool: { total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount },
      registration: registration(),
      ...(read.operationalStatus
        ? { operational_status: read.operationalStatus }
        : { operational_status_error: read.error }),
    }
    if (missing) {
      request.outcome = 'not_ready'
      return sendProblem(reply, 'not_ready', { detail: missing, checks })
    }
    request.outcome = 'answered'
    return reply.send({ status: 'ready', ...checks })
  })

  app.get('/openapi.json', (request, reply) => {
    request.outcome = 'answered'
    return reply.send(api)
  })

  if (hasConsole(config)) {
    const { addConsole } = await import('../console/console.ts')
    const onRefused = metrics.consoleRefused
    return await addConsole(app, {
      config,
      environment,
      readiness,
      operationalStatus,
      registration,
      api,
      onRefused,
    })
  }
  app.get('/', (request, reply) => {
    request.outcome = 'answered'
    return reply
      .header('content-type', 'text/html; charset=utf-8')
      .header('content-security-policy', PAGE_POLICY)
      .header('x-content-type-options', 'nosniff')
      .send(page)
  })
  return undefined
}

const hasConsole = (config: Config<'DATABASE_URL' | 'JIT_SECRET'>): config is ConsoleConfig =>
  config.CONSOLE_PASSWORD !== undefined
