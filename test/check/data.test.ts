/** `check` reports rows that Tratta would reject, and accounts whose customer, parent or children do not fit. */
import t from 'tap'
import { MINIMUM } from '../support/database.ts'
import { expectResults, type Found } from './expect-results.ts'
import { type CheckedService, startCheckedService } from './start-checked-service.ts'

// Each test has its own database.
t.jobs = 3

let healthy: CheckedService
t.before(async () => {
  healthy = await startCheckedService(t)
})

/** Views over our tables, for values that the constraints of our tables reject. */
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
  'correct the data in agency: Tratta gets an error for these accounts, or rejects them; see `tratta-jit lookup ID`'
const DUPLICATE = (resource: string, relation: string) =>
  `correct the view agency.${relation}: a call for such a ${resource} is answered with 500, and \`bulk push\` does not send it`
const OMITTED =
  'correct the data in agency: the field is omitted, the other fields are sent (the examples are customers)'
const NO_CUSTOMER =
  'set the customer of these accounts: `bulk push` cannot send them, and calls are answered without a customer'

function broken(title: string, sql: string, settings: Record<string, string>, expected: Found[]) {
  t.test(title, { buffered: true }, async (t) => {
    const { env } = await healthy.copy(t, sql)
    await expectResults(t, { ...env, ...settings }, expected)
  })
}

void broken(
  'a balance with a fraction of a cent is an error',
  views({ balance: `case external_id when 'A-500300' then 12.5 else balance end` }),
  theirs,
  [
    {
      check: 'data',
      state: 'error',
      message: 'debt_account.balance must be a whole number of cents, at most 9007199254740991',
      remedy: UNSENDABLE,
      count: 1,
      examples: ['A-500300'],
    },
  ],
)

void broken(
  'a customer without a name is an error, an invalid e-mail address a warning',
  views({}, { email: `'nowhere'`, name: `case external_id when 'C-20980' then ' ' else name end` }),
  theirs,
  [
    {
      check: 'data',
      state: 'error',
      message: 'customer.name is missing',
      remedy: UNSENDABLE,
      count: 1,
      examples: ['C-20980'],
    },
    {
      check: 'data',
      state: 'warning',
      message: 'customer.email must be an e-mail address',
      remedy: OMITTED,
      count: 4,
      examples: ['70b440dc-5283-3bd5-bb93-8dc599f2288f', 'C-20417', 'customer-123'],
    },
  ],
)

void broken(
  'a duplicate account is an error',
  views({}, {}, `cross join generate_series(1, case external_id when 'A-500200' then 2 else 1 end)`),
  theirs,
  [
    {
      check: 'unique',
      state: 'error',
      message: 'debt_account exists more than once',
      remedy: DUPLICATE('debt_account', 'debt_accounts'),
      count: 1,
      examples: ['A-500200'],
    },
  ],
)

void broken(
  'an account of two customers is a duplicate too, as is a location with the name and type of another',
  `create schema agency;
   create view agency.debt_accounts as
     select external_id, parent_external_id, customer_external_id, location_external_id, balance, current_balance
     from tratta_jit.debt_accounts
     union all select 'A-500300', null, 'customer-123', null, 100, 100;
   create view agency.customers as select * from tratta_jit.customers;
   create view agency.locations as select external_id, name, type from tratta_jit.locations
     union all select 'copy', name, coalesce(type, 'original_creditor') from tratta_jit.locations where external_id = (select min(external_id) from tratta_jit.locations)`,
  theirs,
  [
    {
      check: 'unique',
      state: 'error',
      message: 'debt_account exists more than once',
      remedy: DUPLICATE('debt_account', 'debt_accounts'),
      count: 1,
      examples: ['A-500300'],
    },
    {
      check: 'unique',
      state: 'error',
      message: 'location has the name and the type of another location',
      remedy:
        'give each location its own name, or use one external_id: Tratta has one location for a name and a type, and rejects accounts of the others',
      count: 2,
      examples: ['cascade-funding', 'copy'],
    },
  ],
)

for (const [title, balance, message, remedy] of [
  [
    'dollars that are read as cents',
    '200 + i % 1500',
    'smallest $2.00, median $9.49, largest $16.99, total $28,485.00: half of the balances are smaller than $20.00',
    'agency.debt_accounts.balance is read as cents; if it contains dollars, select (balance * 100)::bigint in the view',
  ],
  [
    'cents that were multiplied by 100',
    '(2000 + i % 1500) * 10000',
    'smallest $200,000.00, median $274,900.00, largest $349,900.00, total $824,850,000.00: half of the balances are larger than $100,000.00',
    'agency.debt_accounts.balance is read as cents; check whether it was multiplied by 100 twice',
  ],
  [
    'rounded dollars',
    '(200 + i % 1500) * 100',
    'smallest $200.00, median $949.00, largest $1,699.00, total $2,848,500.00: nearly all balances are whole dollars',
    'check that agency.debt_accounts.balance has the cents of each debt: the view may have rounded dollars before it multiplied them by 100',
  ],
] as const)
  void broken(
    `${title}: a warning`,
    `create schema agency;
     create view agency.debt_accounts as
       select 'A-' || i as external_id, 'C-20980' as customer_external_id, ${balance} as balance from generate_series(1, 3000) i;
     create view agency.customers as select * from tratta_jit.customers;
     create view agency.locations as select * from tratta_jit.locations`,
    theirs,
    [{ check: 'balances', state: 'warning', message, remedy }],
  )

void broken('an account without a customer is a warning', MINIMUM, {}, [
  {
    check: 'customers',
    state: 'warning',
    message: 'debt_account has no customer',
    remedy: NO_CUSTOMER,
    count: 1,
    examples: ['123456'],
  },
])

void broken(
  'an account that cannot be sent and whose customer does not exist has both results',
  views({
    customer_external_id: `case customer_external_id when 'C-20980' then 'gone' else customer_external_id end`,
    current_balance: `case external_id when 'A-500300' then 0.5 else current_balance end`,
  }),
  theirs,
  [
    {
      check: 'data',
      state: 'error',
      message: 'debt_account.current_balance must be a whole number of cents, at most 9007199254740991',
      remedy: UNSENDABLE,
      count: 1,
      examples: ['A-500300'],
    },
    {
      check: 'customers',
      state: 'warning',
      message: 'debt_account refers to a customer that does not exist',
      remedy: NO_CUSTOMER,
      count: 1,
      examples: ['A-500300'],
    },
  ],
)

void broken(
  'a parent that does not exist is a warning',
  views({ parent_external_id: `case external_id when 'A-500300' then '0' else parent_external_id end` }),
  theirs,
  [
    {
      check: 'parents',
      state: 'warning',
      message: 'debt_account.parent_external_id refers to an account that does not exist',
      remedy: '`bulk push` cannot send these accounts: Bulk accepts one level of children',
      count: 1,
      examples: ['A-500300'],
    },
  ],
)

void broken(
  'a parent whose balance is not the sum of its children is a warning',
  `update tratta_jit.debt_accounts set current_balance = current_balance - 1 where external_id = 'A-500101'`,
  {},
  [
    {
      check: 'parents',
      state: 'warning',
      message:
        'debt_account has balances that are not the sums of its children: Tratta uses the sums, so it would show other amounts',
      remedy:
        'set the amounts of the parent to the sums, or to 0: Tratta then uses the sums; or add the missing children',
      count: 1,
      examples: ['A-500100'],
    },
  ],
)

void broken(
  'a customer that is larger than TRATTA_BULK_BYTES is a warning',
  `insert into tratta_jit.debt_accounts (external_id, customer_external_id, balance)
     select 'more-' || i, 'C-20980', 12345 from generate_series(1, 300) i`,
  { TRATTA_BULK_BYTES: '10000' },
  [
    {
      check: 'data',
      state: 'warning',
      message: 'customer has accounts that exceed TRATTA_BULK_BYTES',
      remedy: 'raise TRATTA_BULK_BYTES if Tratta accepts larger requests; calls are not affected',
      count: 1,
      examples: ['C-20980'],
    },
  ],
)

void broken(
  'equal results are counted, with three examples',
  `insert into tratta_jit.debt_accounts (external_id, balance) select 'lone-' || i, 12345 from generate_series(1, 1234) i`,
  {},
  [
    {
      check: 'customers',
      state: 'warning',
      message: 'debt_account has no customer',
      remedy: NO_CUSTOMER,
      count: 1234,
      examples: ['lone-1', 'lone-10', 'lone-100'],
    },
  ],
)

void broken(
  'a child of another customer is an error, a child without a customer is not',
  views({
    customer_external_id: `case external_id when 'A-500102' then 'C-20980' when 'A-500103' then null else customer_external_id end`,
  }),
  theirs,
  [
    {
      check: 'parents',
      state: 'error',
      message: 'debt_account.parent_external_id refers to an account of another customer',
      remedy:
        'correct parent_external_id or customer_external_id: Tratta would add the debt to the wrong customer, so neither calls nor `bulk push` send the child',
      count: 1,
      examples: ['A-500102'],
    },
  ],
)

void broken(
  'a child and its parent without a customer are warnings, and not of another customer',
  `insert into tratta_jit.debt_accounts (external_id, parent_external_id, balance)
     values ('p', null, 5), ('q', 'p', 5)`,
  {},
  [
    {
      check: 'customers',
      state: 'warning',
      message: 'debt_account has no customer',
      remedy: NO_CUSTOMER,
      count: 1,
      examples: ['p'],
    },
    {
      check: 'customers',
      state: 'warning',
      message: 'debt_account.parent_external_id refers to an account without a customer',
      remedy: NO_CUSTOMER,
      count: 1,
      examples: ['q'],
    },
  ],
)

void broken(
  'a child of another customer whose parent is a child has both results',
  views({
    parent_external_id: `case external_id when 'A-500300' then 'A-500101' else parent_external_id end`,
    customer_external_id: `case external_id when 'A-500300' then 'customer-123' else customer_external_id end`,
    balance: '0',
    current_balance: '0',
  }),
  theirs,
  [
    {
      check: 'parents',
      state: 'error',
      message: 'debt_account.parent_external_id refers to an account of another customer',
      remedy:
        'correct parent_external_id or customer_external_id: Tratta would add the debt to the wrong customer, so neither calls nor `bulk push` send the child',
      count: 1,
      examples: ['A-500300'],
    },
    {
      check: 'parents',
      state: 'warning',
      message: 'debt_account.parent_external_id refers to a child: Bulk accepts one level of children',
      remedy: '`bulk push` cannot send these accounts: Bulk accepts one level of children',
      count: 1,
      examples: ['A-500300'],
    },
  ],
)

const UNREADABLE =
  'correct these rows or the expression of the view: a call that reads one is answered with an error'
const rejectedName: Found = {
  check: 'data',
  state: 'error',
  message: 'customer.name is missing',
  remedy: UNSENDABLE,
  count: 1,
  examples: ['C-20980'],
}
const RAISE = `create function raise_for(id text, bad text, value text) returns text language plpgsql stable as
  $$ begin if id = bad then raise 'no value'; end if; return value; end $$;`
const fails = (column: string, message: string): Found => ({
  check: 'rows',
  state: 'error',
  message: `agency.${column} cannot be read (${message})`,
  remedy: UNREADABLE,
  count: 1,
  examples: [column.startsWith('customers') ? 'C-20417' : 'A-500200'],
})
const noName = { name: `case external_id when 'C-20980' then ' ' else name end` }

for (const [title, column, expression, code] of [
  ['a cast', 'balance', `(case external_id when 'A-500200' then 'x' else balance::text end)::int`, '22P02'],
  ['a division by zero', 'current_balance', `current_balance / (external_id <> 'A-500200')::int`, '22012'],
  [
    'a cast of the customer',
    'customer_external_id',
    `(case when (case external_id when 'A-500200' then 'x' else '1' end)::int = 1 then customer_external_id end)`,
    '22P02',
  ],
  ['an exception', 'parent_external_id', `raise_for(external_id, 'A-500200', parent_external_id)`, 'P0001'],
] as const)
  void broken(
    `an account that cannot be read because of ${title} is an error, and the other rows are checked`,
    RAISE + views({ [column]: expression }, noName),
    theirs,
    [fails(`debt_accounts.${column}`, code), rejectedName],
  )

void broken(
  'a customer that cannot be read is an error, and the other rows are checked',
  RAISE + views({}, { ...noName, email: `raise_for(external_id, 'C-20417', email)` }),
  theirs,
  [fails('customers.email', 'P0001'), rejectedName],
)
