/** What `check` reports of every shape of views with 16,000 accounts, as the role of docs/data.md. */
import t from 'tap'
import { runChecks } from '../../src/check/run-checks.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { serviceRole } from '../support/role.ts'
import { VIEW_SHAPES, type ViewShapeName, viewShapes } from '../support/view-shapes.ts'

const ACCOUNTS = 16_000
const CUSTOMERS = 'select no as external_id, name from legacy.debtor'
const LOCATIONS = 'select code as external_id, name from legacy.client'
const KEYS = 'no as external_id, master as parent_external_id, debtor as customer_external_id'

const views = (schema: string, accounts: string) => `
  create schema if not exists ${schema};
  create view ${schema}.debt_accounts as ${accounts};
  create view ${schema}.customers as ${CUSTOMERS};
  create view ${schema}.locations as ${LOCATIONS};`

/** The same tables with one thing missing. */
const INCOMPLETE = {
  folded: `create schema folded;
    create table folded.account (like legacy.account) partition by hash (no);
    ${[0, 1, 2, 3].map((part) => `create table folded.account_${part} partition of folded.account for values with (modulus 4, remainder ${part});`).join('')}
    insert into folded.account select * from legacy.account;
    alter table folded.account add primary key (no);
    ${views('folded', `select ${KEYS}, placed as balance from folded.account`)}`,
  two_columns: `create schema two_columns;
    create table two_columns.amount as select client, no, placed from legacy.account;
    ${views(
      'two_columns',
      `select ${KEYS}, coalesce((select placed from two_columns.amount where amount.client = account.client and amount.no = account.no), 0)
         as balance from legacy.account`,
    )}`,
  first_column: `create schema first_column;
    create table first_column.amount as select 'same' as client, no, placed from legacy.account;
    create index on first_column.amount (client);
    ${views(
      'first_column',
      `select ${KEYS}, coalesce((select placed from first_column.amount where amount.client = 'same' || left(account.client, 0) and amount.no = account.no), 0)
         as balance from legacy.account`,
    )}`,
  not_sent: `create schema not_sent;
    create foreign table not_sent.debt_accounts
      (external_id citext, parent_external_id citext, customer_external_id citext, balance integer)
      server loopback options (schema_name 'citext', table_name 'debt_accounts');
    create view not_sent.customers as select external_id, name from citext.customers;
    create view not_sent.locations as ${LOCATIONS};`,
  never_analyzed: '',
  filtered: views(
    'filtered',
    `select ${KEYS}, placed as balance from legacy.account where placed is not null`,
  ),
}

/** After `analyze`. */
const NEVER_ANALYZED = `create schema never_analyzed;
  create table never_analyzed.account with (autovacuum_enabled = false) as select * from legacy.account;
  alter table never_analyzed.account add primary key (no);
  create index on never_analyzed.account (master);
  ${views('never_analyzed', `select ${KEYS}, placed as balance from never_analyzed.account`)}`

let database: TestDatabase
let role: { name: string; url: string }
t.before(async () => {
  database = await testDatabase(t)
  await database.query(viewShapes(database.url, ACCOUNTS, Object.values(INCOMPLETE).join(';\n')))
  await database.query(NEVER_ANALYZED)
  role = await serviceRole(t, database, ['legacy', ...Object.keys(VIEW_SHAPES), ...Object.keys(INCOMPLETE)])
})

/** Everything that concerns the views, without times. */
async function resultsOf(schema: string, url = role.url) {
  const results: string[] = []
  const options = { isQuick: true, showProgress: () => () => {} }
  for await (const { check, state, message, remedy } of runChecks(
    { DATABASE_URL: url, DATABASE_SCHEMA: schema },
    options,
  ))
    if (
      ['relations', 'privileges', 'indexes', 'lookup'].includes(check) &&
      !/^slow/.test(message) &&
      (state !== 'ok' || !/all required columns|may read|can use indexes$| ms /.test(message))
    )
      results.push(`${check}: ${state}: ${message}${remedy ? ` | ${remedy}` : ''}`)
  return results.map((result) =>
    result.replaceAll(role.name, 'ROLE').replace(/(lookup of|statistics of \S+ about) [\d,]+/, '$1 N'),
  )
}

const all = (table: string, reason = 'no index can be used') =>
  `indexes: error: every call reads all of ${table}, about 16,000 rows: ${reason}`
const column = (expression: string) =>
  `${all('secured.account')} | add a column "generated always as ${expression} stored" to secured.account, with an index, and use it in the view: row-level security keeps Postgres from using an index on an expression`
const sent = (schema: string) =>
  `indexes: ok: the lookup can use indexes, and sends its conditions on ${schema}.customers, ${schema}.debt_accounts to the other server`

const EXPECTED: Partial<Record<ViewShapeName | keyof typeof INCOMPLETE, string[]>> = {
  grouped_keys: [
    `${all('legacy.account')} | change the view so that Postgres can apply the condition to legacy.account: distinct, group by and window functions prevent that`,
  ],
  secured: [
    ...['customers', 'debt_accounts', 'locations'].map(
      (relation) =>
        `privileges: ok: secured.${relation} is a security_invoker view: this user needs the privileges on its tables`,
    ),
    'privileges: ok: row-level security of secured.account applies to ROLE: an account that its policies hide is answered with 404',
    column(`('A-'::text || (no)::text)`),
    column(`('A-'::text || (master)::text)`),
  ],
  foreign_bigint: [sent('foreign_bigint')],
  foreign_text: [sent('foreign_text')],
  folded: [
    'indexes: error: every call reads all of folded.account, about 16,000 rows in 4 partitions: no index can be used | create index on folded.account (master)',
  ],
  two_columns: [`${all('two_columns.amount')} | create index on two_columns.amount (client, no)`],
  first_column: [
    'lookup: warning: the lookup of N reads and discards 63,996 rows of first_column.amount | create index on first_column.amount (no, client)',
  ],
  not_sent: [
    'indexes: error: every call reads all of not_sent.debt_accounts: the condition is not sent to the other server | declare the columns of not_sent.debt_accounts with the types and collations of the other server; the option "extensions" of the server lets Postgres send citext',
  ],
  never_analyzed: [
    'indexes: warning: Postgres has no current statistics of never_analyzed.account, about N rows: it may choose a slow plan | analyze never_analyzed.account',
  ],
  filtered: [
    'relations: ok: the view filtered.debt_accounts has a WHERE clause: an account that it excludes is answered with 404, so closed accounts must stay in the view, with current_balance 0',
  ],
}

for (const schema of [...Object.keys(VIEW_SHAPES), ...Object.keys(INCOMPLETE)] as (keyof typeof EXPECTED)[])
  t.test(`check of ${schema}`, async (t) => t.same(await resultsOf(schema), EXPECTED[schema] ?? []))

t.test(
  'a table behind a view that the owner of the view, or with security_invoker the role, may not read',
  async (t) => {
    await database.query(`revoke select on secured.account from ${role.name}`)
    t.match(await resultsOf('secured'), [
      'privileges: error: ROLE may not read secured.account, which a view reads with its privileges | grant select on secured.account to ROLE',
    ])
  },
)
