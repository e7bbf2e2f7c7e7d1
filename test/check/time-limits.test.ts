/** With slow views every check ends, results appear at once, and Postgres cancels abandoned statements. */
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { runChecks } from '../../src/check/run-checks.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { program } from '../support/program.ts'
import { serviceRole } from '../support/role.ts'

/** Indexes are missing, and each row of debt_accounts takes a second. */
const SLOW = `
  create schema agency;
  create table account as select 'A-' || i as no from generate_series(1, 20000) i; analyze account;
  create view agency.debt_accounts as select no || '' as external_id, null::text as parent_external_id,
    null::text as customer_external_id, (case when pg_sleep(1) is null then 0 else 1 end)::int as balance from account;
  create view agency.customers as select * from tratta_jit.customers;
  create view agency.locations as select * from tratta_jit.locations`

async function slowViews(t: Parameters<typeof testDatabase>[0]) {
  const database = await testDatabase(t)
  await database.query(SLOW)
  const { name, url } = await serviceRole(t, database, ['tratta_jit', 'agency'])
  return { database, name, env: { DATABASE_URL: url, DATABASE_SCHEMA: 'agency' } }
}

/** Resolves when Postgres runs no statement of this role. */
async function statementsEnded({ query }: TestDatabase, role: string) {
  const running = `select from pg_stat_activity where usename = '${role}' and state = 'active'`
  while ((await query(running)).length > 0) await pause(50)
}

// Each test has its own database, and waits most of the time.
t.jobs = 4

t.test(
  'check of slow views reports the missing index first, and each check ends',
  { buffered: true },
  async (t) => {
    const { database, name, env } = await slowViews(t)
    const found: [string, string, string][] = []
    const options = { isQuick: false, showProgress: () => () => {}, checkMs: 5000, fullScanMs: 1000 }
    for await (const { check, state, message } of runChecks(env, options))
      if (['indexes', 'rows', 'data', 'parents'].includes(check)) found.push([check, state, message])
    t.same(found, [
      ['indexes', 'error', 'every call reads all of public.account, about 20,000 rows: no index can be used'],
      ['rows', 'error', 'did not finish within 1 s and was canceled'],
      ['data', 'skipped', 'needs the result of rows'],
      ['parents', 'skipped', 'needs the result of data'],
    ])
    await statementsEnded(database, name)
  },
)

for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const)
  t.test(`${signal} during a slow statement cancels the statement`, { buffered: true }, async (t) => {
    const { database, name, env } = await slowViews(t)
    const checking = program(t, ['check', '--json'], env)
    await checking.line(({ check }) => check === 'indexes')
    const running = `select from pg_stat_activity where usename = '${name}' and state = 'active' and query ~ 'count'`
    while ((await database.query(running)).length === 0) await pause(50)
    checking.process.kill(signal)
    await checking.ended
    await statementsEnded(database, name)
    await database.query('drop schema agency cascade')
  })
