/** The accounts of a sample, from tables and from views with other types and without indexes. */
import pg from 'pg'
import t, { type Test } from 'tap'
import { readConfig } from '../../src/config.ts'
import { createPool } from '../../src/database/pool.ts'
import { readable, readRelations } from '../../src/database/relations.ts'
import { createRandom } from '../../src/simulator/random.ts'
import { selectAccounts } from '../../src/trigger-sample/select-accounts.ts'
import { seedPortfolio } from '../bulk/seed-portfolio.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'

t.jobs = 2

async function select(t: Test, { url }: TestDatabase, size: number, schema = 'tratta_jit') {
  const pool = createPool(readConfig({ DATABASE_URL: url }, 'DATABASE_URL'), {
    connectionMs: 10_000,
    statementMs: 3000,
  })
  t.teardown(() => pool.end())
  const relations = readable(await readRelations(pool, schema))
  const { accounts, unreadable } = await selectAccounts(pool, relations, size, createRandom(1))
  const byTrait = (trait: string) =>
    accounts.filter(({ traits }) => traits.includes(trait)).map(({ externalId }) => externalId)
  return { ids: accounts.map(({ externalId }) => externalId), byTrait, unreadable }
}

const RARE = `
  update tratta_jit.debt_accounts set current_balance = 0 where external_id = 'A-1111';
  update tratta_jit.debt_accounts set current_balance = -5 where external_id = 'A-1222';
  update tratta_jit.debt_accounts set balance = 99999999 where external_id = 'A-1333';
  update tratta_jit.debt_accounts set payment_plan = '{"frequency": "monthly", "recurring_day": "15th", "amount": 1}'
    where external_id = 'A-1444';
  update tratta_jit.debt_accounts set locations = '[{"name": "Other"}]' where external_id = 'A-1555';
  update tratta_jit.debt_accounts set customer_external_id = null where external_id = 'A-1666';
  update tratta_jit.customers set additional_fields = '{"status": "open"}' where external_id = 'C-1777';
  update tratta_jit.locations set type = 'product_type' where external_id = 'LOC-7';`

t.test(
  'tables: every trait, and the rest from the whole range of the keys',
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    await seedPortfolio(database, 3000)
    await database.query(RARE)
    const { ids, byTrait, unreadable } = await select(t, database, 90)
    t.equal(ids.length, 90)
    t.equal(new Set(ids).size, 90)
    t.same(unreadable, [])
    for (const [trait, expected] of [
      ['balance 0', ['A-1111']],
      ['balance below 0', ['A-1222']],
      ['largest', ['A-1333']],
      ['debt_account.payment_plan', ['A-1444']],
      ['debt_account.locations', ['A-1555']],
      ['has no customer', ['A-1666']],
      ['newest', ['A-999-child-2']],
    ] as const)
      t.same(byTrait(trait), expected, trait)
    t.match(byTrait('customer.additional_fields')[0], /^A-1777(-child-[12])?$/)
    t.match(byTrait('is a child')[0], /-child-/)
    t.match(byTrait('has children')[0], /^A-\d+$/)
    for (const trait of [
      'has a customer',
      'customer.email',
      'customer.address',
      'location.type',
      'debt_account.metadata',
    ])
      t.ok(byTrait(trait).length > 0, trait)

    const order = (await database.query('select external_id from tratta_jit.debt_accounts order by 1')).map(
      ({ external_id }) => external_id,
    )
    const tenths = new Set(ids.map((id) => Math.floor((order.indexOf(id) / order.length) * 10)))
    t.equal(tenths.size, 10, 'from every tenth of the keys')
  },
)

t.test('fewer accounts than N: all of them', { buffered: true }, async (t) => {
  const database = await testDatabase(t)
  await seedPortfolio(database, 30)
  const { ids } = await select(t, database, 100)
  const all = await database.query('select external_id from tratta_jit.debt_accounts')
  t.same(ids.sort(), all.map(({ external_id }) => external_id).sort())
  t.same((await select(t, database, 5)).ids.length, 5)
})

const viewsOf = (id: string) => `
  create schema agency;
  create view agency.debt_accounts as select ${id} as external_id, balance::numeric as balance from tratta_jit.debt_accounts;
  create view agency.customers as select external_id::char(20) as external_id, name from tratta_jit.customers;
  create view agency.locations as select external_id, name from tratta_jit.locations`

for (const [type, id] of [
  ['bigint', 'abs(hashtextextended(external_id, 0)) % 100000000'],
  ['uuid', 'md5(external_id)::uuid'],
  ['text in another order', 'reverse(external_id)'],
] as const)
  t.test(`views with required columns only, and ids of type ${type}`, { buffered: true }, async (t) => {
    const database = await testDatabase(t)
    await seedPortfolio(database, 600)
    await database.query(viewsOf(id))
    const { ids, unreadable } = await select(t, database, 150, 'agency')
    t.equal(new Set(ids).size, 150)
    t.same(unreadable, [])
    const found = await database.query(
      `select from agency.debt_accounts where external_id::text in (${ids.map((one) => pg.escapeLiteral(one))})`,
    )
    t.ok(found.length >= 150, 'ids of accounts')
  })

t.test('a view that is too slow to sort, and a column that cannot be read', { buffered: true }, async (t) => {
  const database = await testDatabase(t)
  await seedPortfolio(database, 300)
  // 10 ms a row: a pass over all rows takes 4.8 s, and a statement has 3 s.
  await database.query(`
    create schema agency;
    create function agency.slow(id text) returns text language plpgsql volatile as
      $$ begin perform pg_sleep(0.01); return id; end $$;
    create view agency.debt_accounts as
      select agency.slow(external_id) as external_id, balance, (external_id || 'x')::int::text as external_account_number
      from tratta_jit.debt_accounts;
    create view agency.customers as select external_id, name from tratta_jit.customers;
    create view agency.locations as select external_id, name from tratta_jit.locations`)
  const { ids, unreadable } = await select(t, database, 10, 'agency')
  t.equal(new Set(ids).size, 10)
  t.ok(unreadable.includes('debt_account.external_account_number'), String(unreadable))
  t.ok(unreadable.includes('newest'), String(unreadable))
})
