/**
 * The shapes of views that agencies have, over one legacy system: accounts 1 to N, where account 8k + 1 is the parent
 * of the three accounts after it, and amounts are the sums of a ledger. Each shape is a schema of this name.
 */

interface ViewShape {
  sql: string
  /** Precedes the account number in every id. */
  prefix?: string
  /** No index can be used, so each call reads everything. */
  isUnservable?: true
}

/** The tables behind all shapes. */
const LEGACY = (accounts: number) => `
  create schema legacy;
  create table legacy.client as select 'CL-' || i as code, 'Client ' || i as name from generate_series(1, 20) i;
  alter table legacy.client add primary key (code);
  create table legacy.debtor as
    select i::bigint as no, 'Person ' || i as name from generate_series(1, ${Math.ceil(accounts / 4)}) i;
  alter table legacy.debtor add primary key (no);
  create index on legacy.debtor ((no::text) collate "C");
  create table legacy.account as
    select i::bigint as no, case when i % 8 between 2 and 4 then (i - i % 8 + 1)::bigint end as master,
      ((i - 1) / 4 + 1)::bigint as debtor, 'CL-' || (1 + i / 8 % 20) as client, 100 * (i % 8 <> 1)::int as placed
    from generate_series(1, ${accounts}) i;
  alter table legacy.account add primary key (no);
  create index on legacy.account (master);
  create index on legacy.account (debtor);
  create table legacy.ledger as
    select no as account, 10 * (1 + k) as amount from legacy.account, generate_series(1, 3) k where no % 8 <> 1;
  create index on legacy.ledger (account);`

const CUSTOMERS = 'select no as external_id, name from legacy.debtor'
const LOCATIONS = 'select code as external_id, name from legacy.client'
const KEYS =
  'no as external_id, master as parent_external_id, debtor as customer_external_id, client as location_external_id'
const ACCOUNTS = (table: string, keys = KEYS) =>
  `select ${keys}, placed as balance, placed as current_balance from ${table}`

const views = (schema: string, accounts: string, customers = CUSTOMERS, options = '') => `
  create schema ${schema};
  create view ${schema}.debt_accounts ${options} as ${accounts};
  create view ${schema}.customers ${options} as ${customers};
  create view ${schema}.locations ${options} as ${LOCATIONS};`

/** Accounts and customers with ids of another type, as tables of the shape's schema with all indexes. */
const typedTables = (schema: string, type: string, prefix = 'A-') => `
  create schema ${schema};
  create table ${schema}.customers as
    select ('${prefix}' || no)::${type} as external_id, name from legacy.debtor;
  create table ${schema}.locations as ${LOCATIONS};
  create table ${schema}.debt_accounts as
    select ('${prefix}' || no)::${type} as external_id, ('${prefix}' || master)::${type} as parent_external_id,
      ('${prefix}' || debtor)::${type} as customer_external_id, client as location_external_id,
      placed as balance, placed as current_balance
    from legacy.account;
  create index on ${schema}.customers (external_id);
  create index on ${schema}.debt_accounts (external_id);
  create index on ${schema}.debt_accounts (parent_external_id);
  create index on ${schema}.debt_accounts (customer_external_id);`

const COLLATION = 'collate "en-x-icu"'

/** The schema and the names of the tables and columns on the other side of postgres_fdw. */
interface Remote {
  schema: string
  accounts: string
  customers: string
  account: string
  master: string
  debtor: string
  customer: string
  balance: string
}

/** Foreign tables on the same server. */
const foreignTables = (schema: string, type: string, collation: string, remote: Remote) => {
  const key = (name: string, column: string) =>
    `${name} ${type} options (column_name '${column}') ${collation}`
  const on = (table: string) =>
    `server loopback options (schema_name '${remote.schema}', table_name '${table}')`
  return `
    create schema ${schema};
    create foreign table ${schema}.debt_accounts (
      ${key('external_id', remote.account)}, ${key('parent_external_id', remote.master)},
      ${key('customer_external_id', remote.debtor)},
      balance integer options (column_name '${remote.balance}')) ${on(remote.accounts)};
    create foreign table ${schema}.customers (${key('external_id', remote.customer)}, name text) ${on(remote.customers)};
    create view ${schema}.locations as ${LOCATIONS};`
}

const SERVER = (url: string) => {
  const { hostname, port, pathname, username, password } = new URL(url)
  return `
    create extension postgres_fdw;
    create server loopback foreign data wrapper postgres_fdw
      options (host '${hostname}', port '${port}', dbname '${pathname.slice(1)}');
    create user mapping for public server loopback options (user '${username}', password '${password}');`
}

const LEDGER_SUM = 'coalesce((select sum(amount) from legacy.ledger where account = no), 0)'
const TOTALS = '(select account as owner, sum(amount) as total from legacy.ledger group by account) as totals'
const PARTS = 8

export const VIEW_SHAPES = {
  indexed_ledger: {
    sql: views(
      'indexed_ledger',
      `select ${KEYS}, ${LEDGER_SUM} as balance, ${LEDGER_SUM} as current_balance from legacy.account`,
    ),
  },
  grouped_ledger: {
    sql: views(
      'grouped_ledger',
      `select ${KEYS}, coalesce(total, 0) as balance, coalesce(total, 0) as current_balance
       from legacy.account left join ${TOTALS} on owner = no`,
    ),
  },
  grouped_view: {
    sql: views(
      'grouped_view',
      `select ${KEYS}, coalesce(sum(amount), 0) as balance, coalesce(sum(amount), 0) as current_balance
       from legacy.account left join legacy.ledger on account = no group by no, master, debtor, client`,
    ),
  },
  grouped_keys: {
    isUnservable: true,
    sql: views(
      'grouped_keys',
      `select no as external_id, max(master) as parent_external_id, max(debtor) as customer_external_id,
         max(client) as location_external_id, coalesce(sum(amount), 0) as balance
       from legacy.account left join legacy.ledger on account = no group by no`,
    ),
  },
  partitions: {
    sql: `create schema partitions;
      create table partitions.account (like legacy.account) partition by hash (no);
      ${Array.from({ length: PARTS }, (_, part) => `create table partitions.account_${part} partition of partitions.account for values with (modulus ${PARTS}, remainder ${part});`).join('')}
      insert into partitions.account select * from legacy.account;
      alter table partitions.account add primary key (no);
      create index on partitions.account (master);
      create index on partitions.account (debtor);
      create view partitions.debt_accounts as ${ACCOUNTS('partitions.account')};
      create view partitions.customers as ${CUSTOMERS};
      create view partitions.locations as ${LOCATIONS};`,
  },
  materialized: {
    sql: `create schema materialized;
      create materialized view materialized.debt_accounts as ${ACCOUNTS('legacy.account')};
      create unique index on materialized.debt_accounts (external_id);
      create index on materialized.debt_accounts (parent_external_id);
      create index on materialized.debt_accounts (customer_external_id);
      create view materialized.customers as ${CUSTOMERS};
      create view materialized.locations as ${LOCATIONS};`,
  },
  icu: { sql: typedTables('icu', `text ${COLLATION}`), prefix: 'A-' },
  citext: { sql: `create extension citext; ${typedTables('citext', 'citext')}`, prefix: 'A-' },
  padded: { sql: typedTables('padded', 'char(12)'), prefix: 'A-' },
  mixed: {
    sql: `${typedTables('mixed', 'text', '')}
      drop index mixed.debt_accounts_parent_external_id_idx, mixed.debt_accounts_customer_external_id_idx;
      alter table mixed.debt_accounts
        alter parent_external_id type integer using parent_external_id::integer,
        alter customer_external_id type numeric(12,0) using customer_external_id::numeric;
      create index on mixed.debt_accounts (parent_external_id);
      create index on mixed.debt_accounts (customer_external_id);
      create index on mixed.debt_accounts ((customer_external_id::text));`,
  },
  secured: {
    isUnservable: true,
    prefix: 'A-',
    sql: `create schema secured;
      create table secured.account as select *, false as is_hidden from legacy.account;
      create index on secured.account (('A-' || no));
      create index on secured.account (('A-' || master));
      create index on secured.account (debtor);
      alter table secured.account enable row level security;
      create policy visible on secured.account for select using (not is_hidden);
      ${views(
        'secured',
        ACCOUNTS(
          'secured.account',
          `'A-' || no as external_id, 'A-' || master as parent_external_id, debtor as customer_external_id,
           client as location_external_id`,
        ),
        CUSTOMERS,
        'with (security_invoker)',
      ).replace('create schema secured;', '')}`,
  },
  foreign_bigint: {
    sql: foreignTables('foreign_bigint', 'bigint', '', {
      schema: 'legacy',
      accounts: 'account',
      customers: 'debtor',
      account: 'no',
      master: 'master',
      debtor: 'debtor',
      customer: 'no',
      balance: 'placed',
    }),
  },
  foreign_text: {
    prefix: 'A-',
    sql: foreignTables('foreign_text', 'text', COLLATION, {
      schema: 'icu',
      accounts: 'debt_accounts',
      customers: 'customers',
      account: 'external_id',
      master: 'parent_external_id',
      debtor: 'customer_external_id',
      customer: 'external_id',
      balance: 'balance',
    }),
  },
} satisfies Record<string, ViewShape>

export type ViewShapeName = keyof typeof VIEW_SHAPES

/** All shapes, in a database at this URL of a superuser. `more` creates further views over the same tables. */
export const viewShapes = (url: string, accounts: number, more = '') =>
  [LEGACY(accounts), SERVER(url), ...Object.values(VIEW_SHAPES).map(({ sql }) => sql), more, 'analyze'].join(
    ';\n',
  )
