/** An import is loaded completely or not at all. */
import { execFileSync } from 'node:child_process'
import { openSync, writeSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import t, { type Test } from 'tap'
import type { TestDatabase } from '../support/database.ts'
import { program, service } from '../support/program.ts'
import { CENTS, startImporter } from './start-importer.ts'
import { writePortfolio } from './write-portfolio.ts'

const ROWS = 4_000

async function contents({ query }: TestDatabase) {
  const digest = (table: string) =>
    `(select md5(string_agg(one::text, ',' order by external_id)) from tratta_jit.${table} one) as ${table}`
  const [row] = await query(`select ${['debt_accounts', 'customers', 'locations'].map(digest).join(', ')}`)
  return row
}

/** An advisory lock that blocks the commit of an import. */
const AT_COMMIT = 1

const IMPORT = "datname = current_database() and application_name = 'tratta-jit import'"

/** Resolves when the import runs a statement with this prefix. */
async function statementRunning({ query }: TestDatabase, statement: string) {
  const there = `select 1 from pg_stat_activity where ${IMPORT} and query like '${statement}%'`
  while ((await query(there)).length === 0) await pause(50)
}

/** Resolves when Postgres has closed the connection of the import. */
async function disconnected({ query }: TestDatabase) {
  while ((await query(`select 1 from pg_stat_activity where ${IMPORT}`)).length > 0) await pause(50)
}

/** @returns a function that releases the lock */
async function hold(t: Test, { url }: TestDatabase, lock: string) {
  const client = new pg.Client(url)
  await client.connect()
  await client.query(`begin; ${lock}`)
  let isHeld = true
  const release = async () => {
    if (isHeld) await client.end()
    isHeld = false
  }
  t.teardown(release)
  return release
}

t.test('an import that is killed in any phase does not change the tables', async (t) => {
  const { database, path, command } = await startImporter(t)
  await writePortfolio(path('old.csv'), ROWS / 2, 1)
  await writePortfolio(path('new.csv'), ROWS, 2)
  t.equal((await command('import', path('old.csv'), ...CENTS)).code, 0)
  const before = await contents(database)
  await database.query(`
    create function wait() returns trigger language plpgsql as
      'begin perform pg_advisory_xact_lock_shared(${AT_COMMIT}); return null; end';
    create constraint trigger wait after update on tratta_jit.debt_accounts deferrable initially deferred
      for each row execute function wait()`)
  for (const [stage, lock] of [
    ['update tratta_jit.locations', 'lock table tratta_jit.locations in share mode'],
    ['update tratta_jit.customers', 'lock table tratta_jit.customers in share mode'],
    ['update tratta_jit.debt_accounts', 'lock table tratta_jit.debt_accounts in share mode'],
    // All rows are written.
    ['commit', `select pg_advisory_xact_lock(${AT_COMMIT})`],
  ] as const) {
    const release = await hold(t, database, lock)
    const running = program(t, ['import', path('new.csv'), ...CENTS], { DATABASE_URL: database.url })
    await statementRunning(database, stage)
    running.process.kill('SIGKILL')
    t.same(await running.ended, { code: null, signal: 'SIGKILL' }, stage)
    await disconnected(database)
    await release()
    t.same(await contents(database), before, stage)
  }
  t.match(await command('import', path('new.csv'), ...CENTS), {
    code: 0,
    stdout: 'new.csv: loaded, 4,000 rows',
  })
  t.match(await command('import', path('new.csv'), ...CENTS), {
    code: 0,
    stdout: 'nothing to change, 4,000 rows',
  })
})

t.test('lookups during an import return the rows before it or the rows after it', async (t) => {
  const { database, path, command } = await startImporter(t)
  for (const version of [1, 2]) await writePortfolio(path(`${version}.csv`), ROWS, version)
  await command('import', path('1.csv'), ...CENTS)
  const { ask } = await service(t, database.url)
  const running = program(t, ['import', path('2.csv'), ...CENTS], { DATABASE_URL: database.url })
  let isRunning = true
  void running.ended.then(() => {
    isRunning = false
  })
  const seen: number[] = []
  for (let at = 0; isRunning || seen.at(-1) !== 2; at++) {
    // A parent with its children, at the start and at the end of the file.
    const { status, body } = await ask(`A-${at % 2 === 0 ? 3 : ROWS - 5}`)
    const { data } = body as {
      data: { debt_account: { balance: number }; child_debt_accounts: { balance: number }[] }
    }
    if (status !== 200 || data.child_debt_accounts.length !== 3) t.fail(JSON.stringify({ status, body }))
    for (const { balance } of [data.debt_account, ...data.child_debt_accounts]) seen.push(balance % 10)
  }
  t.match(await running.ended, { code: 0 })
  t.same(seen, seen.toSorted(), 'no old row after the first new row')
  t.same([seen[0], seen.at(-1)], [1, 2])
})

t.test(
  'a second import is rejected; an import that is killed or stopped while reading loads nothing',
  async (t) => {
    const { database, path, command, accounts } = await startImporter(t)
    execFileSync('mkfifo', [path('pipe')])
    // Open for reading and writing, so that neither side waits for the other.
    writeSync(openSync(path('pipe'), 'r+'), 'external_id,balance\n1,100\n')
    await writePortfolio(path('other.csv'), 16, 1)
    const start = async () => {
      const running = program(t, ['import', path('pipe'), ...CENTS], { DATABASE_URL: database.url })
      await statementRunning(database, '%create temporary table staged_')
      return running
    }
    const killed = await start()
    t.match(await command('import', path('other.csv'), ...CENTS), {
      code: 1,
      stderr:
        /other.csv: Another import is running on this database: only one can run at a time. Nothing is loaded.\n$/,
    })
    killed.process.kill('SIGKILL')
    await disconnected(database)
    const stopped = await start()
    stopped.process.kill('SIGINT')
    t.same(await stopped.ended, { code: 1, signal: null })
    t.match(stopped.stderr(), /pipe: Stopped. Nothing is loaded.\n$/)
    await disconnected(database)
    t.same(await accounts(), [])
    t.equal((await command('import', path('other.csv'), ...CENTS)).code, 0)
  },
)
