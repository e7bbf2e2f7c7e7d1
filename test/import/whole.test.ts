/** An import is there whole or not at all, whatever ends it and whoever looks. */
import { execFileSync } from 'node:child_process'
import { openSync, writeSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import t, { type Test } from 'tap'
import type { TestDatabase } from '../database.ts'
import { program, service } from '../program.ts'
import { CENTS, importing } from './importing.ts'
import { writePortfolio } from './portfolio.ts'

const ROWS = 4_000

async function contents({ query }: TestDatabase) {
  const digest = (table: string) =>
    `(select md5(string_agg(one::text, ',' order by external_id)) from tratta_jit.${table} one) as ${table}`
  const [row] = await query(`select ${['debt_accounts', 'customers', 'locations'].map(digest).join(', ')}`)
  return row
}

/** Whoever holds this lock keeps an import from committing. */
const AT_COMMIT = 1

const IMPORT = "datname = current_database() and application_name = 'tratta-jit import'"

/** Once the import is at a statement like this. */
async function until({ query }: TestDatabase, statement: string) {
  const there = `select 1 from pg_stat_activity where ${IMPORT} and query like '${statement}%'`
  while ((await query(there)).length === 0) await pause(50)
}

async function gone({ query }: TestDatabase) {
  while ((await query(`select 1 from pg_stat_activity where ${IMPORT}`)).length > 0) await pause(50)
}

/** Nobody comes past this until it is let go. */
async function hold(t: Test, { url }: TestDatabase, lock: string) {
  const client = new pg.Client(url)
  await client.connect()
  await client.query(`begin; ${lock}`)
  let isHeld = true
  const letGo = async () => {
    if (isHeld) await client.end()
    isHeld = false
  }
  t.teardown(letGo)
  return letGo
}

t.test('kill -9 at every stage leaves the tables as they were', async (t) => {
  const { database, path, command } = await importing(t)
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
    // All is written.
    ['commit', `select pg_advisory_xact_lock(${AT_COMMIT})`],
  ] as const) {
    const letGo = await hold(t, database, lock)
    const running = program(t, ['import', path('new.csv'), ...CENTS], { DATABASE_URL: database.url })
    await until(database, stage)
    running.process.kill('SIGKILL')
    t.same(await running.ended, { code: null, signal: 'SIGKILL' }, stage)
    await gone(database)
    await letGo()
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

t.test('lookups go on, and see all of the file or nothing of it', async (t) => {
  const { database, path, command } = await importing(t)
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
    // A parent with its children, at the beginning and at the end of the file.
    const { status, body } = await ask(`A-${at % 2 === 0 ? 3 : ROWS - 5}`)
    const { data } = body as {
      data: { debt_account: { balance: number }; child_debt_accounts: { balance: number }[] }
    }
    if (status !== 200 || data.child_debt_accounts.length !== 3) t.fail(JSON.stringify({ status, body }))
    for (const { balance } of [data.debt_account, ...data.child_debt_accounts]) seen.push(balance % 10)
  }
  t.match(await running.ended, { code: 0 })
  t.same(seen, seen.toSorted(), 'once something is new, all is')
  t.same([seen[0], seen.at(-1)], [1, 2])
})

t.test('one at a time; killed or stopped while it reads, nothing is loaded', async (t) => {
  const { database, path, command, accounts } = await importing(t)
  execFileSync('mkfifo', [path('pipe')])
  // Reading and writing, so that neither side waits for the other to open it.
  writeSync(openSync(path('pipe'), 'r+'), 'external_id,balance\n1,100\n')
  await writePortfolio(path('other.csv'), 16, 1)
  const begin = async () => {
    const running = program(t, ['import', path('pipe'), ...CENTS], { DATABASE_URL: database.url })
    await until(database, '%create temporary table staged_')
    return running
  }
  const killed = await begin()
  t.match(await command('import', path('other.csv'), ...CENTS), {
    code: 1,
    stderr:
      /other.csv: Another import is running on this database: only one can run at a time. Nothing of it is loaded.\n$/,
  })
  killed.process.kill('SIGKILL')
  await gone(database)
  const stopped = await begin()
  stopped.process.kill('SIGINT')
  t.same(await stopped.ended, { code: 1, signal: null })
  t.match(stopped.stderr(), /pipe: Stopped. Nothing of it is loaded.\n$/)
  await gone(database)
  t.same(await accounts(), [])
  t.equal((await command('import', path('other.csv'), ...CENTS)).code, 0)
})
