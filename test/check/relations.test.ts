/** `check` reports views without required columns, and tables without an index. */
import t from 'tap'
import { expectResults, type Found, NO_LOOKUP, skipped } from './expect-results.ts'
import { type CheckedService, startCheckedService } from './start-checked-service.ts'

// Each test has its own database.
t.jobs = 3

let healthy: CheckedService
t.before(async () => {
  healthy = await startCheckedService(t)
})

/** Views over our tables, like views over tables of an agency. */
const views = ({
  debt_accounts = 'select * from tratta_jit.debt_accounts',
  customers = 'select * from tratta_jit.customers',
  locations = 'select * from tratta_jit.locations',
}) =>
  `create schema agency;${Object.entries({ debt_accounts, customers, locations })
    .map(([name, query]) => query && `create view agency.${name} as ${query};`)
    .join('')}`

/** 20,000 accounts; every second account is a child of the account before it. */
const LEGACY = `
  create schema legacy;
  create table legacy.account as
    select i as no, case i % 2 when 0 then i - 1 end as master, (i - 1) / 2 % 100 as owner, 12345 * (1 - i % 2) as balance
    from generate_series(1, 20000) i;
  create table legacy.owner as select i as no, 'Person ' || i as name from generate_series(0, 99) i;
  alter table legacy.owner add primary key (no);`
const legacyViews = (id: string, parent: string) =>
  views({
    debt_accounts: `select ${id} as external_id, ${parent} as parent_external_id, owner as customer_external_id, balance
      from legacy.account`,
    customers: 'select no as external_id, name from legacy.owner',
  })

const SEE_DATA_MD = 'see docs/data.md for the columns and their types'
const unreadable = (message: string): Found[] => {
  const why = 'needs the result of relations'
  return [
    { check: 'relations', state: 'error', message, remedy: SEE_DATA_MD },
    skipped('privileges', why),
    ...NO_LOOKUP(why),
  ]
}

function checks(title: string, sql: string, expected: Found[]) {
  t.test(title, { buffered: true }, async (t) => {
    const { env } = await healthy.copy(t, sql)
    await expectResults(t, { ...env, DATABASE_SCHEMA: 'agency' }, expected)
  })
}

checks('views over our tables have no problem', views({}), [])

checks(
  'a missing view is an error',
  views({ locations: '' }),
  unreadable('there is no table or view agency.locations'),
)

checks(
  'a missing required column is an error',
  views({ debt_accounts: 'select external_id, current_balance from tratta_jit.debt_accounts' }),
  unreadable(
    'agency.debt_accounts has no column balance, which is required (smallint, integer, bigint or numeric)',
  ),
)

checks(
  'money in double precision is an error',
  views({
    debt_accounts:
      'select external_id, parent_external_id, customer_external_id, balance::float8 from tratta_jit.debt_accounts',
  }),
  unreadable(
    'agency.debt_accounts.balance is double precision, which cannot be read as whole cents: make it smallint, integer, bigint or numeric',
  ),
)

checks(
  'money in numeric(12,2) is a warning',
  views({
    debt_accounts:
      'select external_id, parent_external_id, customer_external_id, balance::numeric(12,2) from tratta_jit.debt_accounts',
  }),
  [
    {
      check: 'relations',
      state: 'warning',
      message: 'agency.debt_accounts.balance is numeric(12,2), a usual type for dollars: it is read as cents',
      remedy: 'if it contains dollars, select (balance * 100)::bigint in the view',
    },
  ],
)

checks(
  'views over indexed integer columns have no problem',
  LEGACY +
    `
  alter table legacy.account add primary key (no); create index on legacy.account (master); analyze;` +
    legacyViews('no', 'master'),
  [],
)

checks(
  'identifiers cast to text, with an index on the uncast column: an error with the index to create',
  `${LEGACY} alter table legacy.account add primary key (no);
  create index on legacy.account (master); create index on legacy.account ((master::text)); analyze;` +
    legacyViews('no::text', 'master::text'),
  [
    {
      check: 'indexes',
      state: 'error',
      message: 'every call reads all of legacy.account, about 20,000 rows: no index can be used',
      remedy: 'create index on legacy.account (((no)::text))',
    },
  ],
)

checks(
  'no index on the parent: an error with the index to create',
  `${LEGACY} alter table legacy.account add primary key (no); create index on legacy.account (no) where master is null; analyze;` +
    legacyViews('no', 'master'),
  [
    {
      check: 'indexes',
      state: 'error',
      message: 'every call reads all of legacy.account, about 20,000 rows: no index can be used',
      remedy: 'create index on legacy.account (master)',
    },
  ],
)

checks(
  'a slow view is a warning',
  views({ locations: 'select external_id, name || pg_sleep(0.15)::text as name from tratta_jit.locations' }),
  [
    {
      check: 'lookup',
      state: 'warning',
      message:
        'slow: N ms for the account A-500100, with 3 children; 15 random accounts: p50 N ms, worst N ms',
      remedy: 'analyze the tables; look for functions and joins in the views',
    },
  ],
)

checks(
  'empty debt_accounts are a warning',
  views({ debt_accounts: 'select * from tratta_jit.debt_accounts where false' }),
  [
    {
      check: 'lookup',
      state: 'warning',
      message: 'agency.debt_accounts is empty',
      remedy: 'load accounts, or correct the view',
    },
  ],
)

checks(
  'the lookup is measured with the largest family whose parent exists',
  `insert into tratta_jit.debt_accounts (external_id, customer_external_id, balance)
     select 'child-' || i, 'C-20980', 0 from generate_series(1, 5) i;` +
    views({
      debt_accounts: `select external_id, case when external_id like 'child-%' then 'nobody' else parent_external_id end
        as parent_external_id, customer_external_id, balance, current_balance from tratta_jit.debt_accounts`,
      locations: `select external_id, name || pg_sleep(0.15)::text as name from tratta_jit.locations`,
      customers: `select external_id, name || pg_sleep(0.15)::text as name from tratta_jit.customers`,
    }),
  [
    {
      check: 'lookup',
      state: 'warning',
      message:
        'slow: N ms for the account A-500100, with 3 children; 20 random accounts: p50 N ms, worst N ms',
      remedy: 'analyze the tables; look for functions and joins in the views',
    },
    {
      check: 'parents',
      state: 'warning',
      message: 'debt_account.parent_external_id refers to an account that does not exist',
      remedy: '`bulk push` cannot send these accounts: Bulk accepts one level of children',
      count: 5,
      examples: ['child-1', 'child-2', 'child-3'],
    },
  ],
)
