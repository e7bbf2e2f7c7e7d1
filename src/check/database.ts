/** Checks that Postgres answers, its version, its connection limits, and the migrations of `tratta_jit`. */
import pg from 'pg'
import { databaseError } from '../database/connection-errors.ts'
import { migrationStatus } from '../database/migrate.ts'
import { createPool, limitsWithin } from '../database/pool.ts'
import { type CheckResult, check, errorResult, ok, warning } from './check.ts'
import { replica } from './replica.ts'

const CONNECTIONS = 4
const STATEMENT_MS = 10 * 60_000
/** Longer than the limits of `serve`, so that the check can measure a slow connection. */
const CONNECTION_MS = 10_000
/** The oldest version that CI tests with. */
const OLDEST_VERSION = 15

export const database = check({
  name: 'database',
  settings: ['DATABASE_URL'],
  async run(context) {
    const pool = createPool(
      { ...context.config, DATABASE_POOL_SIZE: CONNECTIONS },
      { connectionMs: CONNECTION_MS, statementMs: STATEMENT_MS },
    )
    cancelWithConnection(pool)
    const start = performance.now()
    try {
      await pool.query('select 1')
    } catch (error) {
      await pool.end()
      const known = databaseError(error)
      if (!known) throw error
      return [errorResult(known.problem, known.remedy)]
    }
    const connectMs = Math.round(performance.now() - start)
    context.pool = pool
    const sentAt = Date.now()
    const { rows } = await pool.query<{ now: number; version: string; major: number }>(`
      select extract(epoch from clock_timestamp())::float8 * 1000 as now, current_setting('server_version') as version,
        current_setting('server_version_num')::int / 10000 as major`)
    const tookMs = Date.now() - sentAt
    const { now, version, major } = rows[0]!
    context.clocks.push({ of: 'Postgres', aheadMs: now - sentAt - tookMs / 2, uncertainMs: tookMs / 2 })
    return [
      ...slowConnection(connectMs, context.config.JIT_DEADLINE_MS ?? 5000),
      versionResult(version, major),
    ]
  },
})

/** `serve` stops connecting after `connectionMs`. */
function slowConnection(connectMs: number, deadlineMs: number): CheckResult[] {
  const { connectionMs } = limitsWithin(deadlineMs)
  return connectMs <= connectionMs
    ? []
    : [
        errorResult(
          `connecting takes ${connectMs} ms; \`serve\` allows ${connectionMs} ms with JIT_DEADLINE_MS ${deadlineMs}: calls that need a new connection fail`,
          'raise JIT_DEADLINE_MS (at most 9000), or run `serve` closer to Postgres',
        ),
      ]
}

/** The interval at which Postgres checks that the client of a running statement is still connected. */
const DISCONNECT_CHECK_MS = 500
const connectionsOf = new WeakMap<pg.Pool, Set<pg.PoolClient>>()

/** Lets Postgres cancel a statement when its connection closes, also when this process is killed. */
function cancelWithConnection(pool: pg.Pool) {
  const clients = new Set<pg.PoolClient>()
  connectionsOf.set(pool, clients)
  pool.on('connect', (client) => {
    clients.add(client)
    // Not every platform supports this setting. Statements then end at their time limit.
    client.query(`set client_connection_check_interval = ${DISCONNECT_CHECK_MS}`).catch(() => {})
  })
  pool.on('remove', (client) => clients.delete(client))
}

/** Closes every connection of the pool, with the statement that runs on it. The pool opens new ones. */
export function destroyConnections(pool: pg.Pool) {
  for (const client of connectionsOf.get(pool) ?? []) client.connection.stream.destroy()
}

export const versionResult = (version: string, major: number): CheckResult =>
  major < OLDEST_VERSION
    ? warning(
        `Postgres ${version} answers, and is older than the versions that tratta-jit is tested with`,
        'upgrade to Postgres 15 or newer',
      )
    : ok(`Postgres ${version} answers`)

export const connections = check({
  name: 'connections',
  needs: ['pool'],
  async run({ pool, config }) {
    const { rows } = await pool.query<{ server: number; role: number | null; database: number | null }>(`
      select current_setting('max_connections')::int
          - case when usesuper then 0 else current_setting('superuser_reserved_connections')::int end as server,
        (select nullif(rolconnlimit, -1) from pg_roles where rolname = current_user) as role,
        (select nullif(datconnlimit, -1) from pg_database where datname = current_database()) as database
      from pg_user where usename = current_user`)
    const limits = Object.entries(rows[0]!)
    const [of, max] = limits.reduce((smallest, limit) =>
      (limit[1] ?? Infinity) < (smallest[1] ?? Infinity) ? limit : smallest,
    )
    const size = config.DATABASE_POOL_SIZE ?? 0
    if (max !== null && max < size)
      return [
        errorResult(
          `DATABASE_POOL_SIZE is ${size}, and the ${of} allows ${max} connections: calls would fail under load`,
          `set DATABASE_POOL_SIZE to ${max} or less, or allow more connections`,
        ),
      ]
    return [...(await replica(config)), ok(`${size} of at most ${max}`)]
  },
})

export const migrations = check({
  name: 'migrations',
  needs: ['pool'],
  async run({ pool }) {
    const status = await migrationStatus(pool).catch(unlessForbidden)
    if (!status)
      return [
        warning(
          'this user may not read the schema tratta_jit: calls can be answered by `serve --no-migrate`, and nothing is registered',
          'grant the privileges that docs/data.md lists',
        ),
      ]
    const toRun = status.filter(({ executed_at }) => executed_at === undefined)
    const unknown = status.filter((migration) => migration.unknown)
    if (unknown.length > 0)
      return [
        warning(
          `the schema tratta_jit was migrated by a newer version of this program (${unknown.at(-1)!.name})`,
          'upgrade this program',
        ),
      ]
    if (toRun.length === 0) return [ok('the schema tratta_jit is up to date')]
    const message = `${toRun.length} of ${status.length} migrations of the schema tratta_jit have not run`
    return (await mayMigrate(pool))
      ? [warning(message, 'run `tratta-jit migrate`; `serve` also runs them')]
      : [
          errorResult(
            `${message}, and this user may not run them`,
            'run `tratta-jit migrate` as a user who may create a schema, see docs/data.md',
          ),
        ]
  },
})

/** @returns undefined when the privilege is missing */
export function unlessForbidden(error: unknown): undefined {
  if (!(error instanceof pg.DatabaseError && error.code === '42501')) throw error
}

async function mayMigrate(pool: pg.Pool): Promise<boolean> {
  const { rows } = await pool.query<{ may: boolean }>(`
    select coalesce((select pg_has_role(nspowner, 'usage') from pg_namespace where nspname = 'tratta_jit'),
        has_database_privilege(current_database(), 'create')) and not current_setting('transaction_read_only')::bool as may`)
  return rows[0]!.may
}
