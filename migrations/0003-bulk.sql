-- What was placed at Tratta by Bulk, what was refused, and what is under way ("Bulk").
-- Keys are ordered by their bytes, so that the order survives a change of the database's collation.

-- bulk push reads customers in this order. With views over other tables, those want such an index.
create index customers_external_id_bytewise_idx on tratta_jit.customers (external_id collate "C");

-- Tratta's sandbox and its production are told apart by their address.
create table tratta_jit.bulk_targets (
  target smallint generated always as identity primary key,
  api_url text not null unique
);

create table tratta_jit.bulk_runs (
  run bigint generated always as identity primary key,
  target smallint not null references tratta_jit.bulk_targets,
  -- retry: of what was refused and has changed since
  kind text not null check (kind in ('all', 'retry')),
  -- Of the program that runs it, or ran it last.
  host text not null,
  pid integer not null,
  started_at timestamptz not null default now(),
  resumed_at timestamptz not null default now(),
  -- Null while there is something left to do.
  ended_at timestamptz,
  -- The last customer that was read and written down.
  position text collate "C" not null default '',
  customers bigint not null default 0,
  without_accounts bigint not null default 0,
  -- Optional fields that Tratta would refuse: {"customer.email must be ...": {"count": 1, "examples": ["C-1"]}}
  omitted jsonb not null default '{}'
);

create table tratta_jit.bulk_requests (
  request bigint generated always as identity primary key,
  run bigint not null references tratta_jit.bulk_runs,
  -- to_send: surely not taken (yet). sending: a POST was about to be sent, and what came of it is not written
  -- down (yet). unknown: it was sent, and no whole answer came. sent: Tratta has it. settled: and its refusals
  -- were read.
  state text not null check (state in ('to_send', 'sending', 'unknown', 'sent', 'settled')),
  customers integer not null,
  debt_accounts integer not null,
  posts integer not null default 0,
  -- An earlier POST of it may have arrived, so that "has already been taken" proves that it had.
  uncertain boolean not null default false,
  bulk_id text,
  -- What Tratta said when it took it: completed, or pending.
  completed boolean not null default false,
  written_at timestamptz not null default now(),
  sent_at timestamptz,
  errors_read_at timestamptz,
  -- What went wrong last, without values of the data; for people.
  said text
);

create index bulk_requests_open_idx on tratta_jit.bulk_requests (request) where state <> 'settled';
create index bulk_requests_bulk_id_idx on tratta_jit.bulk_requests (bulk_id);

-- What stands in which request. No account stands in two of them: a further attempt takes it along.
create table tratta_jit.bulk_rows (
  target smallint not null,
  request bigint not null,
  customer_external_id text collate "C" not null,
  -- Empty for accounts without a location.
  location_external_id text collate "C" not null,
  debt_accounts text[] collate "C" not null,
  -- CRC-32 of each account as it was sent, and of customer and location: whether they have changed since.
  digests integer[] not null,
  digest integer not null,
  -- No foreign key: a million rows would be checked one by one for what one statement writes anyway.
  primary key (target, customer_external_id, location_external_id, request)
);

create index bulk_rows_request_idx on tratta_jit.bulk_rows (request);

create table tratta_jit.bulk_refusals (
  target smallint not null,
  customer_external_id text collate "C" not null,
  location_external_id text collate "C" not null,
  -- Empty for the customer, its location, and with them the whole row.
  debt_account_external_id text collate "C" not null,
  refused_by text not null check (refused_by in ('us', 'tratta')),
  -- "field: message", never a value.
  reasons text[] not null,
  -- As it was when it was refused; null where nothing could be formed.
  digest integer,
  request bigint,
  run bigint not null,
  found_at timestamptz not null default now(),
  primary key (target, customer_external_id, location_external_id, debt_account_external_id)
);

create index bulk_refusals_request_idx on tratta_jit.bulk_refusals (request) where request is not null;
