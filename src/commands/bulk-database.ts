/** The database and the Tratta client of the bulk commands. */
import type pg from 'pg'
import { type CustomerSource, createCustomerSource } from '../bulk/customer-source.ts'
import { type Config, readConfig } from '../config.ts'
import { isUpToDate } from '../database/migrate.ts'
import { createPool } from '../database/pool.ts'
import { type Relations, readable, readRelations } from '../database/relations.ts'
import { createTrattaClient } from '../tratta/client.ts'
import { secretsOf } from '../tratta/jit-url.ts'
import { proxyFor } from '../tratta/proxy.ts'
import { fail, failWith, NOT_UP_TO_DATE, type Options } from './command.ts'

type BulkConfig = Config<'DATABASE_URL' | 'TRATTA_API_URL' | 'TRATTA_API_TOKEN'>

/** One connection holds the lock, one prefetches, the others store the state of requests in flight. */
const CONNECTIONS = 8
const STATEMENT_MS = 5 * 60_000

export async function withDatabase(
  options: Options,
  work: (config: BulkConfig, pool: pg.Pool) => Promise<number>,
): Promise<number> {
  const config = readConfig(process.env, 'DATABASE_URL', 'TRATTA_API_URL', 'TRATTA_API_TOKEN')
  const pool = createPool(
    { ...config, DATABASE_POOL_SIZE: CONNECTIONS },
    { connectionMs: 30_000, statementMs: STATEMENT_MS },
  )
  try {
    if (!(await isUpToDate(pool))) return fail(NOT_UP_TO_DATE, options)
    return await work(config, pool)
  } catch (error) {
    return failWith(error, options)
  } finally {
    await pool.end()
  }
}

export async function sourceOf(
  pool: pg.Pool,
  config: BulkConfig,
): Promise<{ source: CustomerSource; relations: Relations }> {
  const relations = readable(await readRelations(pool, config.DATABASE_SCHEMA, config.OMIT_FIELDS))
  return { source: createCustomerSource(pool, relations), relations }
}

export const clientFor = (config: BulkConfig) =>
  createTrattaClient({
    apiUrl: config.TRATTA_API_URL,
    token: config.TRATTA_API_TOKEN,
    requestsPerMinute: config.TRATTA_REQUESTS_PER_MINUTE,
    secrets: secretsOf(config),
    proxy: proxyFor(config.TRATTA_API_URL, config),
  })
