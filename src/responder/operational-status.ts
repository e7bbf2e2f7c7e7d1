/**
 * The state of migrations, registration and Bulk that the schema `tratta_jit` stores, for operators. It is read on
 * a separate connection, so that it does not take one from the calls.
 */
import type pg from 'pg'
import { PUSH_IS_RUNNING } from '../bulk/push-lock.ts'
import type { RequestState } from '../bulk/requests.ts'
import type { Config } from '../config.ts'
import { boundedQuery } from '../database/batched-query.ts'
import { migrationNames } from '../database/migrate.ts'
import { replaceConnections } from '../database/new-connections.ts'
import { createPool } from '../database/pool.ts'
import { describeError } from '../log.ts'
import { canRegister, urlDigest } from '../tratta/jit-url.ts'
import { REGISTERED_AT } from '../tratta/registration-store.ts'
import { cacheFor } from './cache-for.ts'

export interface OperationalStatus {
  migrations: { run: string[]; pending: string[] }
  /** The Unix time in seconds at which Tratta accepted the URL of this process; null when it has not. */
  registered_at: number | null
  bulk: {
    /** Whether a push holds the lock. */
    running: boolean
    /** Whether the last push is not complete. */
    open: boolean
    /**
     * The number of requests and of their customers. Rows are not counted, because that is too slow for every
     * scrape.
     */
    by_state: Partial<Record<RequestState, { requests: number; customers: number }>>
  }
}

/** `error` is a SQLSTATE or the name of an error. */
type StatusReading =
  | { operationalStatus: OperationalStatus }
  | { operationalStatus: undefined; error: string }

export interface StatusReader {
  /** Never rejects, and takes at most three seconds. Prometheus times out after ten. */
  read(): Promise<StatusReading>
  /** Applies a change of secrets. */
  useSecrets(config: ServeConfig): void
  end(): Promise<void>
}

/** Concurrent and later readers share one query for this long. */
const CACHE_TTL_MS = 1000
const CONNECTION_MS = 2000
const STATEMENT_MS = 2000
const QUERY_MS = 3000

/** `$1`: the URL of Tratta's API; `$2`: the digest of the URL that this process serves. */
const STATUS = `
  select json_build_object(
    'run', (select json_agg(name order by name) from tratta_jit.kysely_migration),
    'registered_at', ${REGISTERED_AT},
    'running', ${PUSH_IS_RUNNING},
    'open', coalesce((
      select ended_at is null from tratta_jit.bulk_runs join tratta_jit.bulk_targets using (target)
      where api_url = $1 order by resumed_at desc limit 1), false),
    'by_state', coalesce((
      select json_object_agg(state, json_build_object('requests', requests, 'customers', customers))
      from (
        select state, count(*) as requests, sum(request.row_count) as customers
        from tratta_jit.bulk_requests as request
        join tratta_jit.bulk_runs using (run) join tratta_jit.bulk_targets using (target)
        where api_url = $1 group by state) as counted), '{}')
  )::text as status`

type ServeConfig = Config<'DATABASE_URL' | 'JIT_SECRET'>

/** The parameters of STATUS. */
const parametersOf = (config: ServeConfig) => [
  config.TRATTA_API_URL ?? '',
  canRegister(config) ? urlDigest(config) : '',
]

export function createStatusReader(config: ServeConfig): StatusReader {
  const pool = createPool(
    { ...config, DATABASE_POOL_SIZE: 1 },
    { connectionMs: CONNECTION_MS, statementMs: STATEMENT_MS },
  )
  let current = config
  const read = cacheFor(
    CACHE_TTL_MS,
    (): Promise<StatusReading> =>
      readStatus(pool, parametersOf(current)).then(
        (operationalStatus) => ({ operationalStatus }),
        (error) => ({ operationalStatus: undefined, error: errorCode(error) }),
      ),
  )
  return {
    read,
    useSecrets(next) {
      if (next.DATABASE_URL !== current.DATABASE_URL) replaceConnections(pool, next.DATABASE_URL)
      current = next
    },
    end: () => pool.end(),
  }
}

async function readStatus(pool: pg.Pool, values: string[]): Promise<OperationalStatus> {
  const known = await migrationNames()
  const rows = await boundedQuery<{ status: string }>(pool, { text: STATUS }, values, { queryMs: QUERY_MS })
  const { run, registered_at, running, open, by_state } = JSON.parse(rows[0]!.status)
  return {
    migrations: { run: run ?? [], pending: known.filter((name) => !run?.includes(name)) },
    registered_at,
    bulk: { running, open, by_state },
  }
}

function errorCode(error: Error) {
  const { code, type } = describeError(error.cause ?? error)
  return code ?? type
}
