/** What a push sends, and what it does not send. */
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { AGENCY_SCHEMA } from '../support/agency-schema.ts'
import { MINIMUM, testDatabase } from '../support/database.ts'
import { run } from '../support/program.ts'
import { seedPortfolio } from './portfolio.ts'
import { bulkSettings, ourAccounts, simulatedTratta } from './tratta.ts'

async function started(t: Test, settings = {}) {
  const database = await testDatabase(t)
  const tratta = await simulatedTratta(t, settings)
  const env = bulkSettings(database, tratta)
  return {
    database,
    tratta,
    env,
    bulk: (words: string, more = {}) => run(t, ['bulk', ...words.split(' ')], { ...env, ...more }),
    /** The rows that were sent, request by request. */
    async sent() {
      const requests: { method: string; body?: string }[] = await tratta.get('/requests')
      return requests.flatMap(({ method, body }) => (method === 'POST' && body ? [JSON.parse(body)] : []))
    },
  }
}

/** The example of Tratta's page "Bulk" as valid JSON: without trailing commas, with the missing comma. */
const DOCUMENTED = JSON.parse(readFileSync('test/bulk/documented-example.json', 'utf8'))

const byExternalId = (a: { external_id: string }, b: { external_id: string }) =>
  a.external_id < b.external_id ? -1 : 1

t.test('bulk push', async (t) => {
  const { database, tratta, bulk, sent } = await started(t)
  await database.query(readFileSync('sample/accounts.sql', 'utf8'))
  await database.query(MINIMUM)

  await t.test('--dry-run reports what would be sent, sends nothing and stores nothing', async (t) => {
    const { code, lines } = await bulk('push --dry-run --json')
    t.equal(code, 3)
    t.match(lines.at(-1), {
      event: 'dry_run',
      customers: 4,
      rows: 5,
      debt_accounts: 15,
      requests: 1,
      rejected: [
        { code: 'no_customer', message: 'debt_account has no customer', count: 1, examples: ['123456'] },
      ],
    })
    t.same(await tratta.get('/requests'), [])
    t.same(await database.query('select from tratta_jit.bulk_runs'), [])
  })

  await t.test('the accounts of bulk.txt are sent as in its example, field for field', async (t) => {
    t.match(await bulk('push'), { code: 3, stderr: '' })
    const [rows] = await sent()
    const [documented] = DOCUMENTED
    const row = rows.find(
      ({ customer }: { customer: { external_id: string } }) =>
        customer.external_id === documented.customer.external_id,
    )
    t.strictSame(
      { ...row, debt_accounts: row.debt_accounts.toSorted(byExternalId) },
      { ...documented, debt_accounts: documented.debt_accounts.toSorted(byExternalId) },
    )
    t.same(
      rows.map(({ customer, location }: Record<string, { external_id: string }>) => [
        customer!.external_id.slice(0, 12),
        location?.external_id,
      ]),
      [
        ['70b440dc-528', 'rerum'],
        ['C-20417', 'mercy-general'],
        ['C-20417', 'northwind-power'],
        ['C-20980', undefined],
        ['customer-123', 'location-123'],
      ],
      'in the order of bytes, a row for each location',
    )
  })

  await t.test('bulk status', async (t) => {
    const { code, lines } = await bulk('status --json')
    t.equal(code, 0)
    t.match(lines[0], {
      running: false,
      customers: { accepted: 4, rejected: 0, sent: 0, unknown: 0, to_send: 0 },
      accounts: {
        to_send: 0,
        sent: 0,
        accepted: 15,
        rejected: 1,
        unknown: 0,
        rejected_by_us: 1,
        rejected_by_tratta: 0,
      },
      requests: { by_state: { settled: 1 }, attempts: 1, read_early: 1 },
    })
    t.match((await bulk('status')).stdout, /^customers {2}4 accepted$/m)
  })

  await t.test('a second push sends nothing, a new account goes alone', async (t) => {
    const before = (await sent()).length
    t.match(await bulk('push'), { code: 3 })
    t.equal((await sent()).length, before)
    await database.query(`insert into tratta_jit.debt_accounts
      (external_id, parent_external_id, customer_external_id, location_external_id, balance) values
      ('new-child', 'parent-external-id', null, 'cascade-funding', 5), ('new-one', null, 'C-20980', null, 6)`)
    t.match(await bulk('push'), { code: 3 })
    t.match((await sent()).at(-1), [
      {
        customer: { name: 'Tremaine Abbott' },
        debt_accounts: [
          {
            external_id: 'new-child',
            parent_external_id: 'parent-external-id',
            balance: 5,
            locations: [
              { name: 'Cascade Funding LLC', external_id: 'cascade-funding', type: 'current_creditor' },
            ],
          },
        ],
      },
      { customer: { external_id: 'C-20980' }, debt_accounts: [{ external_id: 'new-one', balance: 6 }] },
    ])
    t.same((await ourAccounts(database)).accepted, await tratta.held('debt_accounts'))
    t.notOk('parent_debt_accounts' in (await sent()).at(-1)[0], 'what Tratta has is not sent again')
  })
})

t.test('what Tratta would reject is not sent, but listed with its reason', async (t) => {
  const { database, bulk, sent, tratta } = await started(t)
  await database.query(`${AGENCY_SCHEMA}
    insert into agency.locations (external_id, name) values ('l', 'L'), ('k', 'K'), ('twice', 'T'), ('twice', 'U');
    insert into agency.customers (external_id, name, email) values
      ('c', 'Ann', 'nowhere'), ('d', null, null), ('e', 'Eve', null), ('e', 'Eva', null), ('f', 'Flo', null),
      ('empty', 'Nobody', null);
    insert into agency.debt_accounts (external_id, parent_external_id, customer_external_id, location_external_id, balance) values
      ('good', null, 'c', 'l', 1), ('no-balance', null, 'c', 'l', null), ('child-of-it', 'no-balance', 'c', 'l', 1),
      ('parent', null, 'c', 'l', 2), ('child', 'parent', null, 'l', 1), ('grandchild', 'child', 'c', 'l', 1),
      ('of-another', 'parent', 'f', 'l', 1), ('same', null, 'c', 'l', 1), ('same', null, 'c', 'l', 2),
      ('nameless', null, 'd', 'l', 1), ('two-customers', null, 'e', 'l', 1), ('two-locations', null, 'f', 'twice', 1),
      ('nobody-s', null, null, 'l', 1), ('gone-s', null, 'gone', 'l', 1), ('orphan', 'missing', 'c', 'l', 1)`)
  t.match(await bulk('push', { DATABASE_SCHEMA: 'agency' }), { code: 3, stderr: '' })
  t.match(await sent(), [
    [
      {
        customer: { external_id: 'c', name: 'Ann' },
        location: { external_id: 'l', name: 'L' },
        parent_debt_accounts: [{ external_id: 'parent', balance: 2 }],
        debt_accounts: [
          { external_id: 'good', balance: 1 },
          { external_id: 'child', parent_external_id: 'parent', balance: 1 },
        ],
      },
    ],
  ])
  t.same(await tratta.held('debt_accounts'), ['child', 'good', 'parent'])
  const { code, lines } = await bulk('errors --json', { DATABASE_SCHEMA: 'agency' })
  t.equal(code, 3)
  t.same(
    lines.map(({ customer_external_id, debt_account_external_id, reasons, rejected_by }) => [
      customer_external_id,
      debt_account_external_id,
      (reasons as string[]).join(),
      rejected_by,
    ]),
    [
      [null, 'gone-s', 'debt_account its customer is not there', 'us'],
      [
        null,
        'grandchild',
        'debt_account.parent_external_id its parent has a parent itself: Bulk knows one level',
        'us',
      ],
      [null, 'nobody-s', 'debt_account has no customer', 'us'],
      [null, 'orphan', 'debt_account.parent_external_id its parent is not there', 'us'],
      ['c', 'child-of-it', 'debt_account.parent_external_id its parent is not sent', 'us'],
      ['c', 'no-balance', 'debt_account.balance is missing', 'us'],
      ['c', 'of-another', 'debt_account.parent_external_id its parent belongs to another customer', 'us'],
      ['c', 'same', 'debt_account is there twice', 'us'],
      ['d', null, 'customer.name is missing', 'us'],
      ['e', null, 'customer is there twice', 'us'],
      ['f', null, 'location is there twice', 'us'],
    ],
  )
  const [status] = (await bulk('status --json')).lines
  t.match(status, {
    customers: { accepted: 1, rejected: 3 },
    accounts: { to_send: 0, sent: 0, accepted: 3, rejected: 11, unknown: 0 },
    run: {
      without_accounts: '1',
      omitted: { 'customer.email must be an e-mail address': { count: 1, examples: ['c'] } },
    },
  })

  await t.test('corrected, they go through', async (t) => {
    await database.query(`
      update agency.debt_accounts set balance = 9 where external_id = 'no-balance';
      update agency.debt_accounts set customer_external_id = 'c' where external_id = 'nobody-s';
      update agency.customers set name = 'Dan' where external_id = 'd'`)
    t.match(await bulk('push --retry-rejected', { DATABASE_SCHEMA: 'agency' }), { code: 3 })
    t.same(await tratta.held('debt_accounts'), [
      'child',
      'child-of-it',
      'good',
      'nameless',
      'no-balance',
      'nobody-s',
      'parent',
    ])
    const left = await bulk('errors --json', { DATABASE_SCHEMA: 'agency' })
    t.equal(left.lines.length, 7)
  })
})

t.test('--limit, and requests below a size', async (t) => {
  const { database, bulk, tratta } = await started(t)
  await seedPortfolio(database, 3000)
  t.match(await bulk('push --limit 1200'), { code: 0 })
  t.same(await tratta.accepted(), { posts: 2, rows: 1200 })
  t.match((await bulk('status --json')).lines[0], {
    next: 'run `tratta-jit bulk push` to resume',
    accounts: { to_send: 2963, accepted: 1837 },
  })
  t.match(await bulk('push', { TRATTA_BULK_BYTES: '100000' }), { code: 0 })
  const { posts, rows } = await tratta.accepted()
  t.equal(rows, 3100)
  t.ok(posts > 10, `${posts} requests`)
  const requests: { headers: Record<string, string> }[] = await tratta.get('/requests')
  for (const { headers } of requests.slice(-10)) t.ok(Number(headers['content-length'] ?? 0) <= 100_000)
  t.same(await tratta.held('debt_accounts'), (await ourAccounts(database)).accepted)

  await t.test('a customer that is larger than a request is rejected', async (t) => {
    await database.query(`insert into tratta_jit.customers (external_id, name) values ('large', 'Lara');
      insert into tratta_jit.debt_accounts (external_id, customer_external_id, balance)
        select 'large-' || i, 'large', i from generate_series(1, 300) i`)
    t.match(await bulk('push', { TRATTA_BULK_BYTES: '10000' }), { code: 3 })
    t.match(
      (await bulk('errors')).stdout,
      /1 × customer its accounts take \d+ bytes, more than TRATTA_BULK_BYTES \(10000\)\n.*large/,
    )
  })
})
