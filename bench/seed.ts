/** Fills a database of the bench's own. */
import pg from 'pg'
import { migrate } from '../src/database/migrate.ts'
import { insertAccounts, insertLocations } from './data-set.ts'

/** Accounts per statement: a few seconds, so that progress is visible. */
const CHUNK = 20_000
const LOADERS = 2
const STATEMENT_MS = 15 * 60_000
/** The share of the time for inserting rows; the rest is for indexes, constraints and vacuum. */
const ROWS_SHARE = 0.6

/**
 * Migrates an empty database and fills it.
 * @param progress receives the completed share of the work, from 0 to 1
 */
export async function seed(url: string, accounts: number, progress: (done: number) => void) {
  const pool = new pg.Pool({ connectionString: url, max: LOADERS, query_timeout: STATEMENT_MS })
  // The running query gets the error, too.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  try {
    await migrate(pool)
    const { rows: slowing } = await pool.query<SlowingObject>(SLOWING_OBJECTS)
    for (const { drop } of slowing) await pool.query(drop)
    await pool.query(insertLocations)
    await loadAccounts(pool, accounts, (done) => progress(done * ROWS_SHARE))
    const scans = [...slowing.map(({ restore }) => restore), 'vacuum (analyze)']
    for (const [index, statement] of scans.entries()) {
      await pool.query(statement)
      progress(ROWS_SHARE + ((1 - ROWS_SHARE) * (index + 1)) / scans.length)
    }
  } finally {
    await pool.end()
  }
}

async function loadAccounts(pool: pg.Pool, accounts: number, progress: (done: number) => void) {
  let next = 1
  let loaded = 0
  const load = async () => {
    while (next <= accounts) {
      const from = next
      const to = Math.min(from + CHUNK - 1, accounts)
      next = to + 1
      for (const statement of insertAccounts(from, to, accounts)) await pool.query(statement)
      loaded += to - from + 1
      progress(loaded / accounts)
    }
  }
  await Promise.all(Array.from({ length: LOADERS }, load))
}

interface SlowingObject {
  drop: string
  restore: string
}

/**
 * Everything that slows down inserts, except the primary keys. Checks are restored as not valid, because generated rows
 * need no validation. Domains first, because they take no time.
 */
const SLOWING_OBJECTS = `
  select format('alter domain %s drop constraint %I', contypid::regtype, conname) as drop,
    format('alter domain %s add constraint %I %s not valid', contypid::regtype, conname,
      pg_get_constraintdef(oid)) as restore
  from pg_constraint
  where connamespace = 'tratta_jit'::regnamespace and contype = 'c' and contypid <> 0
  union all
  select format('alter table %s drop constraint %I', conrelid::regclass, conname),
    format('alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
      || case when contype = 'c' then ' not valid' else '' end
  from pg_constraint
  where connamespace = 'tratta_jit'::regnamespace and contype in ('c', 'f') and conrelid <> 0
  union all
  select format('drop index %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
  from pg_index join pg_class on pg_class.oid = indrelid
  where relnamespace = 'tratta_jit'::regnamespace and relname in ('debt_accounts', 'customers', 'locations')
    and not exists (select from pg_constraint where conindid = indexrelid)`
