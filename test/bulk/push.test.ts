/** What a push sends, and what it does not send. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { AGENCY_SCHEMA } from '../support/agency-schema.ts'
import { MINIMUM } from '../support/database.ts'
import { seedPortfolio } from './seed-portfolio.ts'
import { startBulk } from './start-bulk.ts'
import { storedAccounts } from './stored-accounts.ts'

// Each test has its own database and its own simulated Tratta.
t.jobs = 3

const NOTHING = /^$/

/** The example of Tratta's page "Bulk" as valid JSON: without trailing commas, with the missing comma. */
const DOCUMENTED = JSON.parse(readFileSync('test/bulk/documented-example.json', 'utf8'))

const byExternalId = (a: { external_id: string }, b: { external_id: string }) =>
  a.external_id < b.external_id ? -1 : 1

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
const NO_STATES = { to_send: 0, sent: 0, accepted: 0, rejected: 0, unknown: 0 }

t.test('bulk push sends the sample', { buffered: true }, async (t) => {
  const { database, tratta, env, bulk, sent } = await startBulk(t)
  await database.query(readFileSync('sample/accounts.sql', 'utf8'))
  await database.query(MINIMUM)

  await t.test('--dry-run reports what would be sent, sends nothing and stores nothing', async (t) => {
    const { code, lines } = await bulk('push --dry-run --json')
    t.equal(code, 3)
    t.same(lines, [
      {
        event: 'dry_run',
        customers: 4,
        without_accounts: 0,
        rows: 5,
        debt_accounts: 15,
        requests: 1,
        bytes: 4737,
        rejected: [
          { code: 'no_customer', message: 'debt_account has no customer', count: 1, examples: ['123456'] },
        ],
        omitted: {},
      },
    ])
    t.same(tratta.requests, [])
    t.same(await database.query('select from tratta_jit.bulk_runs'), [])
  })

  await t.test('sends the accounts of bulk.txt as in its example, field by field', async (t) => {
    t.match(await bulk('push'), { code: 3, stderr: NOTHING })
    const [rows] = sent()
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

  await t.test('bulk status reports the result', async (t) => {
    const { code, lines } = await bulk('status --json')
    t.equal(code, 0)
    const [{ run, requests, ...status } = {}] = lines as Record<string, Record<string, unknown>>[]
    t.same(status, {
      api_url: env.TRATTA_API_URL,
      running: false,
      customers: { ...NO_STATES, accepted: 4 },
      accounts: { ...NO_STATES, accepted: 15, rejected: 1, rejected_by_us: 1, rejected_by_tratta: 0 },
      next: 'run `tratta-jit bulk errors` ten minutes after the push to read the errors again, and to see what was rejected: Tratta does not report when it is done',
    })
    const { host, pid, started_at, resumed_at, ended_at, ...ofRun } = run!
    t.match(
      { host, pid, started_at, resumed_at, ended_at },
      {
        host: String,
        pid: Number,
        started_at: TIME,
        resumed_at: TIME,
        ended_at: TIME,
      },
    )
    t.same(ofRun, {
      kind: 'all',
      position: 'customer-123',
      customers: '4',
      without_accounts: '0',
      omitted: {},
    })
    const { first_at, last_at, ...ofRequests } = requests!
    t.match(first_at, TIME)
    t.equal(last_at, first_at)
    t.same(ofRequests, {
      by_state: { settled: 1 },
      attempts: 1,
      read_early: 1,
      doubts: {},
      unmatched_rejections: 0,
      last_error: null,
    })
    t.match((await bulk('status')).stdout, /^customers {2}4 accepted$/m)
  })

  await t.test('a second push sends only what is new', async (t) => {
    const before = sent().length
    t.match(await bulk('push'), { code: 3, stderr: NOTHING })
    t.equal(sent().length, before)
    await database.query(`insert into tratta_jit.debt_accounts
      (external_id, parent_external_id, customer_external_id, location_external_id, balance) values
      ('new-child', 'parent-external-id', null, 'cascade-funding', 5), ('new-one', null, 'C-20980', null, 6)`)
    t.match(await bulk('push'), { code: 3, stderr: NOTHING })
    const [first, second, ...more] = sent().at(-1)
    t.same(more, [])
    t.same(
      [first.customer.name, first.location.external_id, Object.keys(first)],
      ['Tremaine Abbott', 'rerum', ['customer', 'location', 'debt_accounts']],
      'what Tratta has is not sent again',
    )
    t.same(first.debt_accounts, [
      {
        external_id: 'new-child',
        parent_external_id: 'parent-external-id',
        balance: 5,
        locations: [
          { name: 'Cascade Funding LLC', external_id: 'cascade-funding', type: 'current_creditor' },
        ],
      },
    ])
    t.same([second.customer.external_id, Object.keys(second)], ['C-20980', ['customer', 'debt_accounts']])
    t.same(second.debt_accounts, [{ external_id: 'new-one', balance: 6 }])
    t.same((await storedAccounts(database)).accepted, tratta.accounts())
  })

  await t.test('a complete push deletes our own rejections of accounts that are gone', async (t) => {
    t.match((await bulk('errors --json')).lines, [{ debt_account_external_id: '123456', rejected_by: 'us' }])
    await database.query("delete from tratta_jit.debt_accounts where external_id = '123456'")
    t.match(await bulk('push'), { code: 0, stderr: NOTHING })
    t.same((await bulk('errors --json')).lines, [])
  })
})

t.test(
  'bulk push does not send what Tratta would reject, and lists the reasons',
  { buffered: true },
  async (t) => {
    const { database, bulk, sent, tratta } = await startBulk(t)
    const theirs = { DATABASE_SCHEMA: 'agency' }
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
    t.match(await bulk('push', theirs), { code: 3, stderr: NOTHING })
    t.same(sent(), [
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
    t.same(tratta.accounts(), ['child', 'good', 'parent'])
    const { code, lines } = await bulk('errors --json', theirs)
    t.equal(code, 3)
    t.same(
      lines.map((line) => [
        line.customer_external_id,
        line.location_external_id,
        line.debt_account_external_id,
        line.code,
        line.reasons,
        line.rejected_by,
        line.outcome,
      ]),
      (
        [
          [null, null, 'gone-s', 'customer_missing', 'debt_account refers to a customer that does not exist'],
          [
            null,
            null,
            'grandchild',
            'parent_is_child',
            'debt_account.parent_external_id refers to a child: Bulk accepts one level of children',
          ],
          [null, null, 'nobody-s', 'no_customer', 'debt_account has no customer'],
          [
            null,
            null,
            'orphan',
            'parent_missing',
            'debt_account.parent_external_id refers to an account that does not exist',
          ],
          [
            'c',
            'l',
            'child-of-it',
            'parent_rejected',
            'debt_account.parent_external_id refers to an account that is not sent',
          ],
          ['c', 'l', 'no-balance', 'unsendable', 'debt_account.balance is missing'],
          [
            'c',
            'l',
            'of-another',
            'other_customer',
            'debt_account.parent_external_id refers to an account of another customer',
          ],
          ['c', 'l', 'same', 'duplicate', 'debt_account exists more than once'],
          ['d', 'l', null, 'unsendable', 'customer.name is missing'],
          ['e', 'l', null, 'duplicate', 'customer exists more than once'],
          ['f', 'twice', null, 'duplicate', 'location exists more than once'],
        ] as const
      ).map(([customer, location, account, code, reason]) => [
        customer,
        location,
        account,
        code,
        [reason],
        'us',
        'rejected',
      ]),
    )
    const [status] = (await bulk('status --json')).lines as Record<string, Record<string, unknown>>[]
    t.same(status!.customers, { ...NO_STATES, accepted: 1, rejected: 3 })
    t.same(status!.accounts, {
      ...NO_STATES,
      accepted: 3,
      rejected: 11,
      rejected_by_us: 11,
      rejected_by_tratta: 0,
    })
    t.equal(status!.run!.without_accounts, '1')
    t.same(status!.run!.omitted, {
      'customer.email must be an e-mail address': { count: 1, examples: ['c'] },
    })

    await t.test('--retry-rejected sends what is corrected', async (t) => {
      await database.query(`
      update agency.debt_accounts set balance = 9 where external_id = 'no-balance';
      update agency.debt_accounts set customer_external_id = 'c' where external_id = 'nobody-s';
      update agency.customers set name = 'Dan' where external_id = 'd'`)
      t.match(await bulk('push --retry-rejected', theirs), { code: 3, stderr: NOTHING })
      t.same(tratta.accounts(), [
        'child',
        'child-of-it',
        'good',
        'nameless',
        'no-balance',
        'nobody-s',
        'parent',
      ])
      t.same(
        (await bulk('errors --json', theirs)).lines.map(
          (line) => line.debt_account_external_id ?? line.customer_external_id,
        ),
        ['gone-s', 'grandchild', 'orphan', 'of-another', 'same', 'e', 'f'],
      )
    })
  },
)

t.test('bulk push keeps to --limit and to TRATTA_BULK_BYTES', { buffered: true }, async (t) => {
  const { database, bulk, tratta } = await startBulk(t)
  await seedPortfolio(database, 3000)
  t.match(await bulk('push --limit 1200'), { code: 0, stderr: NOTHING })
  t.same(tratta.accepted(), { posts: 2, rows: 1200 })
  t.match((await bulk('status --json')).lines[0], {
    next: 'run `tratta-jit bulk push` to resume',
    accounts: { to_send: 2963, accepted: 1837 },
    run: { ended_at: null },
  })
  t.match(await bulk('push', { TRATTA_BULK_BYTES: '100000' }), { code: 0, stderr: NOTHING })
  const { posts, rows } = tratta.accepted()
  t.equal(rows, 3100)
  t.ok(posts > 10, `${posts} requests`)
  const sizes = tratta.requests
    .filter(({ method }) => method === 'POST')
    .slice(2)
    .map(({ headers }) => Number(headers['content-length']))
  t.equal(sizes.length, posts - 2)
  t.same(
    sizes.filter((size) => size > 100_000),
    [],
    'no request is larger',
  )
  t.ok(
    sizes
      .toSorted((a, b) => b - a)
      .slice(0, -1)
      .every((size) => size > 98_000),
    'all but the last request are full',
  )
  t.same(tratta.accounts(), (await storedAccounts(database)).accepted)

  await t.test('rejects a customer that is larger than a request', async (t) => {
    await database.query(`insert into tratta_jit.customers (external_id, name) values ('large', 'Lara');
      insert into tratta_jit.debt_accounts (external_id, customer_external_id, balance)
        select 'large-' || i, 'large', i from generate_series(1, 300) i`)
    t.match(await bulk('push', { TRATTA_BULK_BYTES: '10000' }), { code: 3, stderr: NOTHING })
    t.match(
      (await bulk('errors')).stdout,
      /^ +1 × customer has accounts of \d+ bytes, more than TRATTA_BULK_BYTES \(10000\)\n +by us, e\.g\. large\n$/,
    )
  })
})
