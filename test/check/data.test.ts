/** Broken set-ups: rows that Tratta would refuse, and accounts that do not hang together. */
import t from 'tap'
import { MINIMUM } from '../database.ts'
import { type Found, finds, type SetUp, setUp } from './set-up.ts'

let healthy: SetUp
t.before(async () => {
  healthy = await setUp(t)
})

/** Views over our own tables, which would refuse what these give. */
const views = (accounts: Record<string, string>, customers: Record<string, string> = {}, more = '') => {
  const columns = (names: string[], changed: Record<string, string>) =>
    names.map((name) => `${changed[name] ?? name} as ${name}`).join()
  const ofAccounts =
    'external_id,parent_external_id,customer_external_id,location_external_id,balance,current_balance'
  return `create schema agency;
    create view agency.debt_accounts as select ${columns(ofAccounts.split(','), accounts)} from tratta_jit.debt_accounts ${more};
    create view agency.customers as select ${columns(['external_id', 'name', 'email'], customers)} from tratta_jit.customers;
    create view agency.locations as select * from tratta_jit.locations`
}
const theirs = { DATABASE_SCHEMA: 'agency' }

const UNSENDABLE =
  'mend it in agency: Tratta would get no answer for these, or refuse it; see `tratta-jit lookup ID`'
const OMITTED = 'mend it in agency: the field is omitted, the rest is sent (examples: customers)'
const NO_CUSTOMER =
  'give these accounts their customer: bulk cannot place them, and a call is answered without a customer'

async function broken(title: string, sql: string, settings: Record<string, string>, expected: Found[]) {
  await t.test(title, async (t) => {
    const { env } = await healthy.like(t, sql)
    await finds(t, { ...env, ...settings }, expected)
  })
}

broken(
  'cents with a fraction',
  views({ balance: `case external_id when 'A-500300' then 12.5 else balance end` }),
  theirs,
  [
    {
      check: 'data',
      state: 'failure',
      said: 'debt_account.balance must be a whole number of cents, at most 9007199254740991',
      todo: UNSENDABLE,
      count: 1,
      examples: ['A-500300'],
    },
  ],
)

broken(
  'fields that Tratta would refuse',
  views({}, { email: `'nowhere'`, name: `case external_id when 'C-20980' then ' ' else name end` }),
  theirs,
  [
    {
      check: 'data',
      state: 'failure',
      said: 'customer.name is missing',
      todo: UNSENDABLE,
      count: 1,
      examples: ['C-20980'],
    },
    {
      check: 'data',
      state: 'warning',
      said: 'customer.email must be an e-mail address',
      todo: OMITTED,
      count: 4,
      examples: ['70b440dc-5283-3bd5-bb93-8dc599f2288f', 'C-20417', 'customer-123'],
    },
  ],
)

broken(
  'an account that is there twice',
  views({}, {}, `cross join generate_series(1, case external_id when 'A-500200' then 2 else 1 end)`),
  theirs,
  [
    {
      check: 'data',
      state: 'failure',
      said: 'debt_account is there twice',
      todo: UNSENDABLE,
      count: 1,
      examples: ['A-500200'],
    },
  ],
)

broken('an account without a customer', MINIMUM, {}, [
  {
    check: 'customers',
    state: 'warning',
    said: 'debt_account has no customer',
    todo: NO_CUSTOMER,
    count: 1,
    examples: ['123456'],
  },
])

broken(
  'a customer that is not there, of an account that cannot be sent',
  views({
    customer_external_id: `case customer_external_id when 'C-20980' then 'gone' else customer_external_id end`,
    current_balance: `case external_id when 'A-500300' then 0.5 else current_balance end`,
  }),
  theirs,
  [
    {
      check: 'data',
      state: 'failure',
      said: 'debt_account.current_balance must be a whole number of cents, at most 9007199254740991',
      todo: UNSENDABLE,
      count: 1,
      examples: ['A-500300'],
    },
    {
      check: 'customers',
      state: 'warning',
      said: 'debt_account its customer is not there',
      todo: NO_CUSTOMER,
      count: 1,
      examples: ['A-500300'],
    },
  ],
)

broken(
  'a parent that is not there',
  views({ parent_external_id: `case external_id when 'A-500300' then '0' else parent_external_id end` }),
  theirs,
  [
    {
      check: 'parents',
      state: 'warning',
      said: 'debt_account.parent_external_id its parent is not there',
      todo: 'bulk cannot place these: it knows parents and, below them, children',
      count: 1,
      examples: ['A-500300'],
    },
  ],
)

broken(
  'a parent that is not the sum of its children',
  `update tratta_jit.debt_accounts set current_balance = current_balance - 1 where external_id = 'A-500101'`,
  {},
  [
    {
      check: 'parents',
      state: 'warning',
      said: 'debt_account its balances are not the sums of its children: Tratta sums up, so it would show other amounts than you do',
      todo: 'give the sums, or 0 to leave it to Tratta; or say which children are missing',
      count: 1,
      examples: ['A-500100'],
    },
  ],
)

broken(
  'a customer whose accounts do not fit into a request',
  `insert into tratta_jit.debt_accounts (external_id, customer_external_id, balance)
     select 'more-' || i, 'C-20980', 1 from generate_series(1, 300) i`,
  { TRATTA_BULK_BYTES: '10000' },
  [
    {
      check: 'data',
      state: 'warning',
      said: 'customer its accounts take more than TRATTA_BULK_BYTES',
      todo: 'raise it, if Tratta takes larger requests; calls are answered',
      count: 1,
      examples: ['C-20980'],
    },
  ],
)

broken(
  'many of a kind',
  `insert into tratta_jit.debt_accounts (external_id, balance) select 'lone-' || i, 1 from generate_series(1, 1234) i`,
  {},
  [
    {
      check: 'customers',
      state: 'warning',
      said: 'debt_account has no customer',
      todo: NO_CUSTOMER,
      count: 1234,
      examples: ['lone-1', 'lone-10', 'lone-100'],
    },
  ],
)
