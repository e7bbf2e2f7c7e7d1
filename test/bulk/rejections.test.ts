/** Each rejection by Tratta is stored for the right customer and account, and corrected accounts are sent again. */
import t, { type Test } from 'tap'
import { startBulk } from './start-bulk.ts'
import type { Variation } from './start-tratta.ts'
import { storedAccounts } from './stored-accounts.ts'

// Each test has its own database and its own simulated Tratta.
t.jobs = 3

const NOTHING = /^$/

async function startRejections(t: Test, variation: Variation = {}) {
  const started = await startBulk(t, variation)
  return {
    ...started,
    async rejections() {
      const { lines } = await started.bulk('errors --json')
      return lines.map((line) => [
        line.customer_external_id,
        line.location_external_id,
        line.debt_account_external_id,
        line.reasons,
      ])
    },
  }
}

const TAKEN = 'debt_account.external_id: The external id has already been taken.'

t.test('rejections of accounts, parents, customers and locations', { buffered: true }, async (t) => {
  const { database, tratta, bulk, sent, sendOtherRow, rejections } = await startRejections(t, {
    errorsPerPage: 2,
  })
  await database.query(`
    insert into tratta_jit.locations (external_id, name) values ('l', 'L'), ('m', 'Taken name');
    insert into tratta_jit.customers (external_id, name) values ('a', 'Ann'), ('b', 'Ben'), ('c', 'Cleo'), ('d', 'Dan');
    insert into tratta_jit.debt_accounts (external_id, parent_external_id, customer_external_id, location_external_id, balance) values
      ('a-1', null, 'a', 'l', 1), ('a-2', null, 'a', 'l', 2), ('a-3', null, 'a', 'm', 3),
      ('b-p', null, 'b', 'l', 3), ('b-1', 'b-p', 'b', 'l', 3), ('b-2', null, 'b', 'l', 3),
      ('c-1', null, 'c', 'm', 4), ('d-1', null, 'd', null, 5)`)
  // Tratta has an account, a parent and a location that others sent.
  await sendOtherRow({ customer: { name: 'X' }, debt_accounts: [{ external_id: 'a-2', balance: 7 }] })
  await sendOtherRow({ customer: { name: 'Y' }, debt_accounts: [{ external_id: 'b-p', balance: 7 }] })
  await sendOtherRow({
    customer: { name: 'Z' },
    location: { name: 'Taken name', external_id: 'their-m' },
    debt_accounts: [],
  })
  t.match(await bulk('push'), { code: 3, stderr: NOTHING })
  t.same(await rejections(), [
    ['a', 'l', 'a-2', [TAKEN]],
    ['a', 'm', null, ['location.name: The name has already been taken.']],
    ['b', 'l', 'b-p', [TAKEN]],
    ['c', 'm', null, ['location.name: The name has already been taken.']],
  ])
  t.match((await bulk('status --json')).lines[0], {
    customers: { accepted: 3, rejected: 1 },
    accounts: { to_send: 0, sent: 0, accepted: 4, rejected: 4, unknown: 0, rejected_by_tratta: 4 },
  })

  await t.test('bulk errors prints them by message, as CSV, and of one request', async (t) => {
    const { code, stdout } = await bulk('errors')
    t.equal(code, 3)
    t.equal(
      stdout,
      [
        `        2 × ${TAKEN}`,
        '            by Tratta, e.g. a-2, b-p',
        '        2 × location.name: The name has already been taken.',
        '            by Tratta, e.g. a, c',
        '',
      ].join('\n'),
    )
    const [{ bulk_id } = {}] = (await bulk('errors --json')).lines
    const csv = (await bulk(`errors ${bulk_id} --csv`)).stdout.split('\n')
    t.equal(csv.length, 6)
    t.match(csv[1], new RegExp(`^a,l,a-2,tratta,rejected,${TAKEN},${bulk_id},\\d{4}-`))
    t.match(await bulk('errors unheard-of'), {
      code: 1,
      stderr: /^No request of ours has the bulk_id unheard-of\n$/,
    })
  })

  await t.test('--retry-rejected without a correction sends nothing', async (t) => {
    const before = tratta.accepted()
    t.match(await bulk('push --retry-rejected'), { code: 0, stderr: NOTHING })
    t.same(tratta.accepted(), before)
  })

  await t.test('--retry-rejected sends corrected rows, and nothing else', async (t) => {
    await database.query(`
      update tratta_jit.locations set name = 'Name of our own' where external_id = 'm';
      update tratta_jit.debt_accounts set balance = 20 where external_id = 'a-1'`)
    t.match(await bulk('push --retry-rejected'), { code: 0, stderr: NOTHING })
    t.same(sent().at(-1), [
      {
        customer: { external_id: 'a', name: 'Ann' },
        location: { external_id: 'm', name: 'Name of our own' },
        debt_accounts: [{ external_id: 'a-3', balance: 3 }],
      },
      {
        customer: { external_id: 'c', name: 'Cleo' },
        location: { external_id: 'm', name: 'Name of our own' },
        debt_accounts: [{ external_id: 'c-1', balance: 4 }],
      },
    ])
    t.same(
      (await rejections()).map(([customer, , account]) => [customer, account]),
      [
        ['a', 'a-2'],
        ['b', 'b-p'],
      ],
    )
  })
})

t.test(
  'both sides agree after random rejections, and --retry-rejected sends corrected rows',
  { buffered: true },
  async (t) => {
    const { database, tratta, bulk } = await startRejections(t, { rejectedRows: 0.3 })
    await database.query(`
    insert into tratta_jit.locations (external_id, name) values ('l', 'L');
    insert into tratta_jit.customers (external_id, name) select 'c-' || i, 'Person ' || i from generate_series(1, 200) i;
    insert into tratta_jit.debt_accounts (external_id, parent_external_id, customer_external_id, location_external_id, balance)
      select 'p-' || i, null, 'c-' || i, 'l', 1 from generate_series(1, 200) i union all
      select 'q-' || i, 'p-' || i, 'c-' || i, 'l', 1 from generate_series(1, 200) i union all
      select 'r-' || i, null, 'c-' || i, 'l', 1 from generate_series(1, 200) i`)
    t.match(await bulk('push'), { code: 3, stderr: NOTHING })
    let ours = await storedAccounts(database)
    t.same(ours.accepted, tratta.accounts())
    t.equal(ours.accepted.length + ours.rejected.length, 600)
    const kinds = (await bulk('errors')).stdout
    t.match(kinds, 'customer.name: The name field format is invalid.')
    t.match(
      kinds,
      'debt_account.external_account_number: The external account number field format is invalid.',
    )
    t.match(kinds, 'debt_account.parent_external_id: The selected parent external id is invalid.')

    for (let round = 1; round <= 8 && ours.rejected.length > 0; round++) {
      const { rows } = tratta.accepted()
      t.match(await bulk('push --retry-rejected'), { code: 0, stderr: NOTHING })
      t.equal(tratta.accepted().rows, rows, 'unchanged rows are not sent')
      await database.query(`
      update tratta_jit.customers set name = name || '!' where external_id in
        (select customer_external_id from tratta_jit.bulk_rejections where debt_account_external_id = '');
      update tratta_jit.debt_accounts set external_account_number = 'N-${round}' where external_id in
        (select debt_account_external_id from tratta_jit.bulk_rejections)`)
      await bulk('push --retry-rejected')
      const before = ours.rejected.length
      ours = await storedAccounts(database)
      t.ok(ours.rejected.length < before, `${before} -> ${ours.rejected.length}`)
      t.same(ours.accepted, tratta.accounts())
    }
    t.equal(ours.accepted.length, 600)
  },
)

t.test('customers that Tratta rejects because it has them', { buffered: true }, async (t) => {
  const { database, tratta, bulk, rejections } = await startRejections(t, { existingCustomers: 'reject' })
  await database.query(`
    insert into tratta_jit.locations (external_id, name) values ('l', 'L'), ('m', 'M');
    insert into tratta_jit.customers (external_id, name) values ('a', 'Ann');
    insert into tratta_jit.debt_accounts (external_id, customer_external_id, location_external_id, balance) values
      ('a-1', 'a', 'l', 1), ('a-2', 'a', 'm', 2)`)
  t.match(await bulk('push'), { code: 3, stderr: NOTHING })
  t.same(await rejections(), [
    ['a', 'm', null, ['customer.external_id: The external id has already been taken.']],
  ])
  t.match((await bulk('status --json')).lines[0], {
    customers: { accepted: 1, rejected: 0 },
    accounts: { accepted: 1, rejected: 1, unknown: 0 },
  })
  t.same(tratta.accounts(), ['a-1'])
})

t.test(
  'bulk errors reads the errors of an early reading again after ten minutes',
  { buffered: true },
  async (t) => {
    const { database, tratta, bulk, sendOtherRow, rejections } = await startRejections(t)
    await database.query(`
    insert into tratta_jit.customers (external_id, name) values ('a', 'Ann');
    insert into tratta_jit.debt_accounts (external_id, customer_external_id, balance) values ('a-1', 'a', 1)`)
    await sendOtherRow({ customer: { name: 'X' }, debt_accounts: [{ external_id: 'a-1', balance: 7 }] })
    // An empty answer means that there are no errors.
    await tratta.injectFaults({ kind: 'empty', path: '/bulk/b0000000-0000-4000-8000-000000000002' })
    t.match(await bulk('push'), { code: 0, stderr: NOTHING })
    await tratta.injectFaults()
    t.match((await bulk('status --json')).lines[0], {
      requests: { read_early: 1 },
      next: /ten minutes after the push to read the errors again/,
    })
    const makeOlder = (interval: string) =>
      database.query(`update tratta_jit.bulk_requests
      set (sent_at, errors_read_at) = (sent_at - interval '${interval}', errors_read_at - interval '${interval}')`)
    await makeOlder('9 minutes')
    t.same(await rejections(), [], 'not before ten minutes')
    await makeOlder('2 minutes')
    t.same(await rejections(), [['a', null, 'a-1', [TAKEN]]])
    t.match((await bulk('status --json')).lines[0], { requests: { read_early: 0 } })
  },
)

t.test(
  'a new child of a rejected parent, and a new account of a rejected row, are not sent',
  { buffered: true },
  async (t) => {
    const { database, tratta, bulk, sent, sendOtherRow, rejections } = await startRejections(t)
    await database.query(`
    insert into tratta_jit.locations (external_id, name) values ('l', 'L'), ('m', 'Taken name');
    insert into tratta_jit.customers (external_id, name) values ('a', 'Ann'), ('b', 'Ben');
    insert into tratta_jit.debt_accounts (external_id, parent_external_id, customer_external_id, location_external_id, balance)
      values ('p', null, 'a', 'l', 1), ('b-1', null, 'b', 'm', 2)`)
    await sendOtherRow({ customer: { name: 'X' }, debt_accounts: [{ external_id: 'p', balance: 7 }] })
    await sendOtherRow({
      customer: { name: 'Y' },
      location: { name: 'Taken name', external_id: 'their-m' },
      debt_accounts: [],
    })
    t.match(await bulk('push'), { code: 3, stderr: NOTHING })
    const byTratta = [
      ['a', 'l', 'p', [TAKEN]],
      ['b', 'm', null, ['location.name: The name has already been taken.']],
    ]
    t.same(await rejections(), byTratta)

    await database.query(`
    insert into tratta_jit.debt_accounts (external_id, parent_external_id, customer_external_id, location_external_id, balance)
      values ('q', 'p', 'a', 'l', 3), ('b-2', null, 'b', 'm', 4)`)
    const before = tratta.accepted()
    t.match(await bulk('push'), { code: 3, stderr: NOTHING })
    t.same(tratta.accepted(), before)
    t.same(await rejections(), [
      byTratta[0],
      ['a', 'l', 'q', ['debt_account.parent_external_id refers to an account that Tratta rejected']],
      byTratta[1],
      ['b', 'm', 'b-2', ['debt_account refers to a customer or location that Tratta rejected']],
    ])

    await database.query(`
    update tratta_jit.debt_accounts set balance = 10 where external_id = 'p';
    update tratta_jit.locations set name = 'Name of our own' where external_id = 'm'`)
    t.match(await bulk('push --retry-rejected'), { code: 3, stderr: NOTHING })
    t.same(sent().at(-1), [
      {
        customer: { external_id: 'a', name: 'Ann' },
        location: { external_id: 'l', name: 'L' },
        parent_debt_accounts: [{ external_id: 'p', balance: 10 }],
        debt_accounts: [{ external_id: 'q', parent_external_id: 'p', balance: 3 }],
      },
      {
        customer: { external_id: 'b', name: 'Ben' },
        location: { external_id: 'm', name: 'Name of our own' },
        debt_accounts: [
          { external_id: 'b-1', balance: 2 },
          { external_id: 'b-2', balance: 4 },
        ],
      },
    ])
    t.same(await rejections(), [byTratta[0]])
    t.same(tratta.accounts(), ['b-1', 'b-2', 'p', 'q'])
  },
)

t.test('bulk errors --csv quotes fields, and disarms formulas', { buffered: true }, async (t) => {
  const { database, bulk } = await startRejections(t)
  await database.query(`insert into tratta_jit.debt_accounts (external_id, balance) values
    ('=1+1', 1), ('-2', 1), ('@sum', 1), ('+3', 1), ('a,"b"', 1), ('plain', 1)`)
  t.match(await bulk('push'), { code: 3, stderr: NOTHING })
  const { stdout } = await bulk('errors --csv')
  const [header, ...lines] = stdout.trimEnd().split('\n')
  t.equal(
    header,
    'customer_external_id,location_external_id,debt_account_external_id,rejected_by,outcome,reasons,bulk_id,found_at',
  )
  t.same(
    lines
      .map((line) => line.replace(/,us,rejected,debt_account has no customer,,\d{4}-\d\d-\d\dT[\d:.]+Z$/, ''))
      .sort(),
    [",,'+3", ",,'-2", ",,'=1+1", ",,'@sum", ',,"a,""b"""', ',,plain'].sort(),
  )
})
