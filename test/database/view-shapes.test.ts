/** Lookups, bulk reading and `check` of every shape of views, with few accounts, as the role of docs/data.md. */
import pg from 'pg'
import t from 'tap'
import { createCustomerSource } from '../../src/bulk/customer-source.ts'
import { accountStatement } from '../../src/database/account-statement.ts'
import { AmbiguousAccountError } from '../../src/database/database-errors.ts'
import { findAccount } from '../../src/database/find-account.ts'
import { readRelations } from '../../src/database/relations.ts'
import { buildPayload } from '../../src/payload/build-payload.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { serviceRole } from '../support/role.ts'
import { VIEW_SHAPES, type ViewShapeName, viewShapes } from '../support/view-shapes.ts'

const ACCOUNTS = 80
const NAMES = Object.keys(VIEW_SHAPES) as ViewShapeName[]
const LIMITS = { queryMs: 60_000 }

let database: TestDatabase
let pool: pg.Pool
t.before(async () => {
  database = await testDatabase(t)
  await database.query(viewShapes(database.url, ACCOUNTS))
  const { url } = await serviceRole(t, database, ['legacy', ...NAMES])
  // One connection: the statement gets its generic plan at the sixth execution.
  pool = new pg.Pool({ connectionString: url, max: 1, options: '-c plan_cache_mode=auto' })
})
t.teardown(() => pool.end())

const id = (prefix: string, number: number) => `${prefix}${number}`

/** Account `number` as every shape shows it. `grouped_keys` has no current_balance, and foreign tables no location. */
function expected(shape: ViewShapeName, number: number) {
  const { prefix = '' } = VIEW_SHAPES[shape] as { prefix?: string }
  const hasCurrent = !['grouped_keys', 'foreign_bigint', 'foreign_text'].includes(shape)
  const customerPrefix = shape === 'secured' ? '' : prefix
  const account = (no: number, parent?: number) => ({
    external_id: id(prefix, no),
    ...(parent !== undefined && { parent_external_id: id(prefix, parent) }),
    balance: no % 8 === 1 ? 0 : shape.includes('ledger') || shape.includes('grouped') ? 90 : 100,
    ...(hasCurrent && {
      current_balance: no % 8 === 1 ? 0 : shape.includes('ledger') || shape.includes('grouped') ? 90 : 100,
    }),
  })
  const at = number % 8
  const client = 1 + (Math.floor(number / 8) % 20)
  const debtor = Math.floor((number - 1) / 4) + 1
  return {
    ...(!shape.startsWith('foreign') && {
      location: { external_id: `CL-${client}`, name: `Client ${client}` },
    }),
    customer: { external_id: id(customerPrefix, debtor), name: `Person ${debtor}` },
    debt_account: account(number, at >= 2 && at <= 4 ? number - at + 1 : undefined),
    ...(at === 1 && { child_debt_accounts: [1, 2, 3].map((step) => account(number + step, number)) }),
  }
}

for (const shape of NAMES)
  t.test(`${shape}: accounts with and without children are found eight times, others are not`, async (t) => {
    const { prefix = '' } = VIEW_SHAPES[shape] as { prefix?: string }
    const statement = accountStatement(shape, true)
    const lookUp = async (externalId: string) => {
      const row = await findAccount(pool, statement, externalId, LIMITS)
      return row && buildPayload(row).payload.data
    }
    for (const number of [41, 42, 48, 1, 9, 17, 25, 33])
      t.same(await lookUp(id(prefix, number)), expected(shape, number), `account ${number}`)
    for (const unknown of [
      id(prefix, 81),
      id('0', 41),
      `${id(prefix, 41)} `,
      'a-41',
      '',
      'x',
      '9'.repeat(30),
    ])
      t.equal(await lookUp(unknown), undefined, `'${unknown}'`)
  })

for (const shape of NAMES)
  t.test(`${shape}: bulk reads every customer with all accounts, and no account is orphaned`, async (t) => {
    const { prefix = '' } = VIEW_SHAPES[shape] as { prefix?: string }
    const source = createCustomerSource(pool, await readRelations(pool, shape))
    const keys = await source.keysAfter('', 1000)
    t.equal(keys.length, ACCOUNTS / 4)
    const { customers } = await source.customers(keys)
    t.same(
      new Set(customers.flatMap(({ accounts }) => accounts.map(({ external_id }) => external_id))),
      new Set(Array.from({ length: ACCOUNTS }, (_, index) => id(prefix, index + 1))),
    )
    for await (const orphaned of source.orphanedAccounts(10)) t.same(orphaned, [])
  })

const CHILDREN = (rows: string) => `create or replace view family.debt_accounts as
  select id as external_id, parent as parent_external_id, cents as balance
  from (values ('P', null, 3), ('Q', null, 0), ${rows}) as account (id, parent, cents)`

t.test('children in a view', async (t) => {
  await database.query(`create schema family; ${CHILDREN("('C', 'P', 3)")};
    create view family.customers as select 'C-1' as external_id, 'Person' as name;
    create view family.locations as select 'L-1' as external_id, 'Client' as name`)
  const statement = accountStatement('family', true)
  const owner = new pg.Pool({ connectionString: database.url, max: 1 })
  t.teardown(() => owner.end())
  const lookUp = async () => buildPayload((await findAccount(owner, statement, 'P', LIMITS))!).payload.data
  const found = {
    debt_account: { external_id: 'P', balance: 3 },
    child_debt_accounts: [{ external_id: 'C', parent_external_id: 'P', balance: 3 }],
  }
  t.same(await lookUp(), found)
  await t.test('a child that the view has twice: ambiguous', async (t) => {
    await database.query(CHILDREN("('C', 'P', 3), ('C', 'P', 4)"))
    await t.rejects(lookUp(), new AmbiguousAccountError('child_debt_accounts'))
  })
  await t.test('a child that also has another parent: found with this parent', async (t) => {
    await database.query(CHILDREN("('C', 'P', 3), ('C', 'Q', 4)"))
    t.same(await lookUp(), found)
  })
  await t.test('a child without an id: the account cannot be sent', async (t) => {
    await database.query(CHILDREN("('C', 'P', 3), (null, 'P', 4)"))
    await t.rejects(lookUp(), { message: 'child_debt_accounts[1].external_id is missing' })
  })
  await t.test(
    'citext ids that differ by case, and a customer id that is no number: all rows are read',
    async (t) => {
      await database.query(`create schema folded;
      create view folded.debt_accounts as
        select id::citext as external_id, parent::citext as parent_external_id, 7 as customer_external_id, 0 as balance
        from (values ('P', null), ('a-1', 'P'), ('A-1', 'P')) as account (id, parent);
      create view folded.customers as select unnest('{7,none}'::text[]) as external_id, 'Person' as name;
      create view folded.locations as select 'L-1' as external_id, 'Client' as name`)
      const row = await findAccount(owner, accountStatement('folded', true), 'P', LIMITS)
      t.same(
        row?.children?.map(({ row }) => row.external_id),
        ['A-1', 'a-1'],
      )
      const source = createCustomerSource(owner, await readRelations(owner, 'folded'))
      const { customers } = await source.customers(['7', 'none'])
      t.same(
        customers.map(({ accounts }) => accounts.map(({ external_id }) => external_id)),
        [['P', 'A-1', 'a-1'], []],
      )
    },
  )
})
