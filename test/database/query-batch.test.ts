/** Queries of one turn of the event loop share a connection and a transaction; each gets its own result. */
import pg from 'pg'
import t from 'tap'
import { accountStatement } from '../../src/database/account-statement.ts'
import { UnreadableAccountError } from '../../src/database/database-errors.ts'
import { findAccount } from '../../src/database/find-account.ts'
import { AGENCY_SCHEMA } from '../support/agency-schema.ts'
import { testDatabase } from '../support/database.ts'

/** The account 'broken-N' fails in the view, 'none-N' does not exist. */
const VIEW = `${AGENCY_SCHEMA}
  insert into agency.debt_accounts (external_id, balance)
    select 'ok-' || n, n from generate_series(1, 20) n union all select 'broken-' || n, 0 from generate_series(1, 20) n;
  create schema views;
  create view views.locations as select * from agency.locations;
  create view views.customers as select * from agency.customers;
  create view views.debt_accounts as
    select external_id, parent_external_id, customer_external_id, location_external_id,
      case when external_id like 'broken%' then 1 / balance else balance end as balance
    from agency.debt_accounts`

for (const prepared of [true, false])
  t.test(`a failing query ends no other query of its batch, ${prepared ? '' : 'not '}prepared`, async (t) => {
    const database = await testDatabase(t)
    await database.query(VIEW)
    const pool = new pg.Pool({ connectionString: database.url, max: 2 })
    t.teardown(() => pool.end())
    const statement = accountStatement('views', prepared)
    const find = (id: string) =>
      findAccount(pool, statement, id, { queryMs: 20_000 }).then(
        (row) => row?.debt_account.balance,
        (error) => error.constructor,
      )
    // The failing queries are first, in the middle and last.
    const ids = ['broken-1', 'ok-1', 'ok-2', 'broken-2', 'broken-3', 'none-1', 'ok-3', 'broken-4']
    const expected = [
      UnreadableAccountError,
      '1',
      '2',
      UnreadableAccountError,
      UnreadableAccountError,
      undefined,
      '3',
      UnreadableAccountError,
    ]
    // Twice, because the first batch prepares the statement.
    for (const _ of [1, 2]) t.same(await Promise.all(ids.map(find)), expected)
    t.ok(pool.totalCount <= 2)
    const [{ prepared: named }] = (
      await pool.query<{ prepared: string }>(
        `select count(*) filter (where name like 'tratta_jit%') as prepared from pg_prepared_statements`,
      )
    ).rows as [{ prepared: string }]
    t.equal(Number(named) > 0, prepared)
  })

t.test('a terminated connection ends all queries of its batch, and they are sent again', async (t) => {
  const database = await testDatabase(t)
  await database.query(VIEW)
  const pool = new pg.Pool({ connectionString: database.url, max: 1 })
  pool.on('error', () => {})
  t.teardown(() => pool.end())
  const statement = accountStatement('views', true)
  const find = (id: string) => findAccount(pool, statement, id, { queryMs: 20_000 })
  t.equal((await find('ok-1'))?.debt_account.balance, '1')
  const locker = new pg.Client(database.url)
  await locker.connect()
  await locker.query('begin; lock table agency.debt_accounts')
  const found = Promise.all(['ok-1', 'ok-2', 'ok-3'].map(find))
  const waiting = `from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`
  while ((await database.query(`select pid ${waiting}`)).length === 0);
  await database.query(`select pg_terminate_backend(pid) ${waiting}`)
  await locker.query('rollback')
  await locker.end()
  t.same(
    (await found).map((row) => row?.debt_account.balance),
    ['1', '2', '3'],
  )
})
