/** The Postgres of the benchmark: embedded, or the one that BENCH_DATABASE_URL names. */
import { totalmem } from 'node:os'
import pg from 'pg'
import { startEmbeddedPostgres } from '../src/development/embedded-postgres.ts'
import type { Progress } from './progress.ts'
import { seed } from './seed.ts'

interface DataSets {
  /** Like `PostgreSQL 18.4`. */
  version: string
  /** @returns the connection URL of a database with this number of accounts */
  provide(accounts: number): Promise<string>
  close(): Promise<void>
}

const SEEDED = 'tratta-jit bench: complete'

export async function openDataSets(keep: boolean, progress: Progress): Promise<DataSets> {
  const server = await openServer(process.env.BENCH_DATABASE_URL)
  const names: string[] = []
  const query = async <Row extends pg.QueryResultRow>(url: string, ...statements: string[]) => {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
    client.on('error', () => {})
    try {
      await client.connect()
      let rows: Row[] = []
      for (const statement of statements) ({ rows } = await client.query<Row>(statement))
      return rows
    } finally {
      await client.end()
    }
  }
  const [shown] = await query<{ server_version: string }>(server.url, 'show server_version')

  return {
    version: `PostgreSQL ${shown?.server_version.split(' ')[0]}`,
    async provide(accounts) {
      const name = `tratta_jit_bench_${accounts}`
      const url = server.urlFor(name)
      names.push(name)
      const kept = await query(
        server.url,
        `select from pg_database
         where datname = '${name}' and shobj_description(oid, 'pg_database') = '${SEEDED}'`,
      )
      if (kept.length > 0) {
        progress.print(`${accounts.toLocaleString('en')} accounts: kept from an earlier run`)
        return url
      }
      const what = `${accounts.toLocaleString('en')} accounts`
      const started = performance.now()
      // template0: a connection to another template would make this fail.
      await query(server.url, `drop database if exists ${name}`, `create database ${name} template template0`)
      await seed(url, accounts, (done) => progress.show(what, done))
      // A checkpoint must not run during a measurement. Another Postgres may not allow it.
      if (server.stop) await query(url, 'checkpoint')
      const [size] = await query<{ size: string }>(
        url,
        `comment on database ${name} is '${SEEDED}'`,
        'select pg_size_pretty(pg_database_size(current_database())) as size',
      )
      const seconds = ((performance.now() - started) / 1000).toFixed(1)
      progress.print(`${what}: loaded in ${seconds} s, ${size?.size}`)
      return url
    },
    async close() {
      if (server.stop) return server.stop()
      if (keep) return
      for (const name of names) await query(server.url, `drop database if exists ${name} with (force)`)
    },
  }
}

interface Server {
  url: string
  urlFor(database: string): string
  /** Absent for a Postgres that the benchmark did not start. */
  stop?(): Promise<void>
}

function openServer(given: string | undefined): Promise<Server> | Server {
  if (given) {
    const urlFor = (database: string) => Object.assign(new URL(given), { pathname: `/${database}` }).href
    return { url: given, urlFor }
  }
  const memory = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY)
  return startEmbeddedPostgres({
    settings: {
      // A quarter of the memory, as Postgres's documentation recommends.
      shared_buffers: `${Math.floor(memory / 4 / 1024 ** 2)}MB`,
      maintenance_work_mem: '256MB',
      max_wal_size: '8GB',
      // seed() runs vacuum, and nothing is written afterwards.
      autovacuum: 'off',
    },
  })
}
