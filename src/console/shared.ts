/** What the console gets, and what its pages share. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type pg from 'pg'
import type { Config } from '../config.ts'
import type { OpenApi } from '../responder/openapi.ts'
import type { StatusReader } from '../responder/operational-status.ts'
import type { Readiness } from '../responder/readiness.ts'
import type { RegistrationState } from '../tratta/register-in-background.ts'
import type { Page } from './layout.ts'
import type { Refusal } from './refusal.ts'

export interface ConsoleOptions {
  config: ConsoleConfig
  /** The environment of the settings, for the check. */
  environment: NodeJS.ProcessEnv
  readiness: Readiness
  operationalStatus: StatusReader
  registration: () => RegistrationState
  api: OpenApi
  onRefused: (reason: Refusal) => void
}

export type ConsoleConfig = Config<'DATABASE_URL' | 'JIT_SECRET' | 'CONSOLE_PASSWORD'>

export interface Console {
  /** Applies a change of secrets or of DATABASE_URL. */
  useSecrets(config: Config<'DATABASE_URL' | 'JIT_SECRET'>): void
}

/** What the pages share. `config` changes when secrets change. */
export interface Shared extends ConsoleOptions {
  /** Separate from the pool of the calls. */
  pool: pg.Pool
  /** Sends a page to the signed-in user. */
  send(request: FastifyRequest, reply: FastifyReply, page: Omit<Page, 'session'>): FastifyReply
}
