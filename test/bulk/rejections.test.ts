/** Each rejection by Tratta is stored for the right customer and account, and corrected accounts are sent again. */
import t, { type Test } from 'tap'
import { testDatabase } from '../support/database.ts'
import { run } from '../support/program.ts'
import { bulkSettings, ourAccounts, simulatedTratta } from './tratta.ts'

// Each has a database and a simulated Tratta of its own.
t.jobs = 3

async function started(t: Test, settings = {}) {
  const database = await testDatabase(t)
  const tratta = await simulatedTratta(t, settings)
  const env = bulkSettings(database, tratta)
  const bulk = (words: string, more = {}) => run(t, ['bulk', ...words.split(' ')], { ...env, ...more })
  return {
    database,
    tratta,
    bulk,
    /** Sends a row to Tratta that is none of ours. */
    async elsewhere(row: object) {
      const answer = await fetch(`${tratta.url}/bulk`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${env.TRATTA_API_TOKEN}`,
          'content-type': 'application/json',
          accept: 'application/json',
        },
        body: JSON.stringify([row]),
      })
      t.equal(answer.status, 200)
    },
    async rejections() {
      const { lines } = await bulk('errors --json')
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
  const { database, tratta, bulk, elsewhere, rejections } = await started(t, { errorsPerPage: 2 })
  await database.query(`
    insert into tratta_jit.locations (external_id, name) values ('l', 'L'), ('m', 'Taken name');
    insert into tratta_jit.customers (external_id, name) values ('a', 'Ann'), ('b', 'Ben'), ('c', 'Cleo'), ('d', 'Dan');
    insert into tratta_jit.debt_accounts (external_id, parent_external_id, customer_external_id, location_external_id, balance) values
      ('a-1', null, 'a', 'l', 1), ('a-2', null, 'a', 'l', 2), ('a-3', null, 'a', 'm', 3),
      ('b-p', null, 'b', 'l', 3), ('b-1', 'b-p', 'b', 'l', 3), ('b-2', null, 'b', 'l', 3),
      ('c-1', null, 'c', 'm', 4), ('d-1', null, 'd', null, 5)`)
  // Tratta knows an account, a parent and a location from elsewhere.
  await elsewhere({ customer: { name: 'X' }, debt_accounts: [{ external_id: 'a-2', balance: 7 }] })
  await elsewhere({ customer: { name: 'Y' }, debt_accounts: [{ external_id: 'b-p', balance: 7 }] })
  await elsewhere({
    customer: { name: 'Z' },
    location: { name: 'Taken name', external_id: 'their-m' },
    debt_accounts: [],
  })
  t.match(await bulk('push'), { code: 3, stderr: '' })
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

  await t.test('by message with counts and examples first; as CSV; of one request', async (t) => {
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
    t.match(await bulk('errors unheard-of'), { code: 1, stderr: /No request of ours has the bulk_id/ })
  })

  await t.test('--retry-rejected without a correction sends nothing', async (t) => {
    const before = await tratta.accepted()
    t.match(await bulk('push --retry-rejected'), { code: 0 })
    t.same(await tratta.accepted(), before)
  })

  await t.test('corrected, they go through, and nothing else is sent', async (t) => {
    await database.query(`
      update tratta_jit.locations set name = 'Name of our own' where external_id = 'm';
      update tratta_jit.debt_accounts set balance = 20 where external_id = 'a-1'`)
    t.match(await bulk('push --retry-rejected'), { code: 0 })
    const requests: { method: string; body: string }[] = await tratta.get('/requests')
    const last = JSON.parse(requests.filter(({ method }) => method === 'POST').at(-1)!.body)
    t.match(last, [
      { customer: { external_id: 'a' }, debt_accounts: [{ external_id: 'a-3' }] },
      { customer: { external_id: 'c' }, debt_accounts: [{ external_id: 'c-1' }] },
    ])
    t.equal(last.length, 2)
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
  'random rejections: both sides agree, and corrected rows are sent again',
  { buffered: true },
  async (t) => {
    const { database, tratta, bulk } = await started(t, { rejectedRows: 0.3 })
    await database.query(`
    insert into tratta_jit.locations (external_id, name) values ('l', 'L');
    insert into tratta_jit.customers (external_id, name) select 'c-' || i, 'Person ' || i from generate_series(1, 200) i;
    insert into tratta_jit.debt_accounts (external_id, parent_external_id, customer_external_id, location_external_id, balance)
      select 'p-' || i, null, 'c-' || i, 'l', 1 from generate_series(1, 200) i union all
      select 'q-' || i, 'p-' || i, 'c-' || i, 'l', 1 from generate_series(1, 200) i union all
      select 'r-' || i, null, 'c-' || i, 'l', 1 from generate_series(1, 200) i`)
    t.match(await bulk('push'), { code: 3 })
    let ours = await ourAccounts(database)
    t.same(ours.accepted, await tratta.held('debt_accounts'))
    t.equal(ours.accepted.length + ours.rejected.length, 600)
    const kinds = (await bulk('errors')).stdout
    t.match(kinds, 'customer.name: The name field format is invalid.')
    t.match(
      kinds,
      'debt_account.external_account_number: The external account number field format is invalid.',
    )
    t.match(kinds, 'debt_account.parent_external_id: The selected parent external id is invalid.')

    for (let round = 1; round <= 8 && ours.rejected.length > 0; round++) {
      const { rows } = await tratta.accepted()
      t.match(await bulk('push --retry-rejected'), { code: 0 })
      t.equal((await tratta.accepted()).rows, rows, 'unchanged rows are not sent')
      await database.query(`
      update tratta_jit.customers set name = name || '!' where external_id in
        (select customer_external_id from tratta_jit.bulk_rejections where debt_account_external_id = '');
      update tratta_jit.debt_accounts set external_account_number = 'N-${round}' where external_id in
        (select debt_account_external_id from tratta_jit.bulk_rejections)`)
      await bulk('push --retry-rejected')
      const before = ours.rejected.length
      ours = await ourAccounts(database)
      t.ok(ours.rejected.length < before, `${before} -> ${ours.rejected.length}`)
      t.same(ours.accepted, await tratta.held('debt_accounts'))
    }
    t.equal(ours.accepted.length, 600)
  },
)

t.test('customers that Tratta rejects because it has them', { buffered: true }, async (t) => {
  const { database, tratta, bulk, rejections } = await started(t, { existingCustomers: 'reject' })
  await database.query(`
    insert into tratta_jit.locations (external_id, name) values ('l', 'L'), ('m', 'M');
    insert into tratta_jit.customers (external_id, name) values ('a', 'Ann');
    insert into tratta_jit.debt_accounts (external_id, customer_external_id, location_external_id, balance) values
      ('a-1', 'a', 'l', 1), ('a-2', 'a', 'm', 2)`)
  t.match(await bulk('push'), { code: 3 })
  t.same(await rejections(), [
    ['a', 'm', null, ['customer.external_id: The external id has already been taken.']],
  ])
  t.match((await bulk('status --json')).lines[0], {
    customers: { accepted: 1, rejected: 0 },
    accounts: { accepted: 1, rejected: 1, unknown: 0 },
  })
  t.same(await tratta.held('debt_accounts'), ['a-1'])
})

t.test('late rejections are found when the errors are read again', { buffered: true }, async (t) => {
  const { database, bulk, elsewhere, rejections } = await started(t, { bulkDelayMs: 6000 })
  await database.query(`
    insert into tratta_jit.customers (external_id, name) values ('a', 'Ann');
    insert into tratta_jit.debt_accounts (external_id, customer_external_id, balance) values ('a-1', 'a', 1)`)
  await elsewhere({ customer: { name: 'X' }, debt_accounts: [{ external_id: 'a-1', balance: 7 }] })
  t.match(await bulk('push'), { code: 0 })
  t.match((await bulk('status --json')).lines[0], {
    requests: { read_early: 1 },
    next: /ten minutes after the push to read the errors again/,
  })
  await new Promise((resolve) => setTimeout(resolve, 6000))
  await database.query(
    "update tratta_jit.bulk_requests set (sent_at, errors_read_at) = (sent_at - interval '11 minutes', errors_read_at - interval '11 minutes')",
  )
  t.same(await rejections(), [['a', null, 'a-1', [TAKEN]]])
  t.match((await bulk('status --json')).lines[0], { requests: { read_early: 0 } })
})
