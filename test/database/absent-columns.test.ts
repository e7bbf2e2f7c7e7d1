/** Every statement of the lookup, of bulk and of check, with each optional column absent, alone and together. */
import pg from 'pg'
import t from 'tap'
import { createCustomerSource } from '../../src/bulk/customer-source.ts'
import { emptyScan, scanData } from '../../src/check/scan-data.ts'
import { accountStatement } from '../../src/database/account-statement.ts'
import { COLUMNS, RELATION_NAMES, REQUIRED, type RelationName } from '../../src/database/columns.ts'
import { findAccount } from '../../src/database/find-account.ts'
import { readRelations } from '../../src/database/relations.ts'
import { ASSUMED } from '../../src/tratta/readings.ts'
import { testDatabase } from '../support/database.ts'
import { run } from '../support/program.ts'
import { serviceRole } from '../support/role.ts'

const ACCOUNTS = `
  insert into tratta_jit.customers (external_id, name) values ('C-1', 'One');
  insert into tratta_jit.locations (external_id, name) values ('L-1', 'Clinic');
  insert into tratta_jit.debt_accounts (external_id, parent_external_id, customer_external_id, location_external_id, balance)
  values ('A-1', null, 'C-1', 'L-1', 100), ('A-2', 'A-1', 'C-1', 'L-1', 100)`

const OPTIONAL = RELATION_NAMES.flatMap((relation) =>
  Object.keys(COLUMNS[relation])
    .filter((column) => !REQUIRED[relation].includes(column))
    .map((column) => [relation, column] as const),
)

/** Views of our tables without these columns. */
const views = (schema: string, absent: readonly (readonly [RelationName, string])[]) =>
  `create schema ${schema};${RELATION_NAMES.map((relation) => {
    const columns = Object.keys(COLUMNS[relation]).filter(
      (column) => !absent.some(([of, name]) => of === relation && name === column),
    )
    return `create view ${schema}.${relation} as select ${columns.join()} from tratta_jit.${relation};`
  }).join('')}`

t.test('lookup, bulk and check without optional columns: the other columns are read', async (t) => {
  const database = await testDatabase(t)
  await database.query(ACCOUNTS)
  const pool = new pg.Pool({ connectionString: database.url })
  t.teardown(() => pool.end())
  for (const [at, absent] of [[], ...OPTIONAL.map((one) => [one]), OPTIONAL].entries()) {
    const title = absent.map((one) => one.join('.')).join() || 'nothing'
    await t.test(`without ${title.length > 80 ? 'all of them' : title}`, async (t) => {
      await database.query(views(`agency_${at}`, absent))
      const relations = await readRelations(pool, `agency_${at}`)
      const hasNo = (name: string) => absent.some(([, column]) => column === name)
      const found = await findAccount(pool, accountStatement(relations.schema, true), 'A-1', {
        queryMs: 5000,
      })
      t.equal(found?.debt_account.external_id, 'A-1')
      t.same(
        found?.children?.map(({ row }) => row.external_id),
        hasNo('parent_external_id') ? undefined : ['A-2'],
      )
      const source = createCustomerSource(pool, relations)
      t.same(await source.keysAfter('', 10), ['C-1'])
      t.equal(await source.countAfter(''), 1)
      const { customers, locations } = await source.customers(['C-1'])
      t.same(
        customers.map(({ accounts }) => accounts.map(({ external_id }) => external_id)),
        [hasNo('customer_external_id') ? [] : ['A-1', 'A-2']],
      )
      t.equal(locations.size, hasNo('location_external_id') || hasNo('customer_external_id') ? 0 : 1)
      t.equal(await source.countUnsent(0), 2)
      t.same(await source.customersOf(['A-1', 'A-2']), hasNo('customer_external_id') ? [] : ['C-1'])
      const scan = emptyScan()
      const none = { debt_accounts: [], customers: [], locations: [] }
      await scanData(pool, relations, none, ASSUMED, scan, new AbortController().signal)
      t.same(
        [...scan.rejected.values()].map(({ code, count }) => [code, count]),
        !hasNo('customer_external_id')
          ? []
          : hasNo('parent_external_id')
            ? [['no_customer', 2]]
            : [
                ['no_customer', 1],
                ['parent_without_customer', 1],
              ],
      )
    })
  }
  for (const [at, absent] of [
    [1, [['debt_accounts', 'parent_external_id']]],
    [2, [['debt_accounts', 'customer_external_id']]],
    [3, OPTIONAL],
  ] as [number, (typeof OPTIONAL)[number][]][])
    await t.test(`check and bulk push as processes, without ${absent.length} columns (${at})`, async (t) => {
      await database.query(views(`process_${at}`, absent))
      const role = await serviceRole(t, database, ['tratta_jit', `process_${at}`])
      const env = {
        DATABASE_URL: role.url,
        DATABASE_SCHEMA: `process_${at}`,
        TRATTA_API_URL: 'http://127.0.0.1:1/api/v1',
        TRATTA_API_TOKEN: 'token',
      }
      const checked = await run(t, ['check', '--json'], env)
      t.same(
        checked.lines.filter(
          ({ check, state }) =>
            state === 'error' && ['rows', 'lookup', 'indexes', 'data', 'parents'].includes(String(check)),
        ),
        [],
      )
      t.notMatch(checked.stdout, /ended early/)
      const pushed = await run(t, ['bulk', 'push', '--dry-run', '--json'], env)
      t.notMatch(pushed.stdout + pushed.stderr, /bind message/)
      t.ok([0, 3].includes(pushed.code!), 'the exit code')
    })
})
