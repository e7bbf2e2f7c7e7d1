-- The state of bulk uploads: what was sent to Tratta, what was rejected, and what is in flight (docs/bulk.md).
-- Keys are compared by their bytes, so that their order survives a change of the database's collation.

-- The address separates the state of Tratta's sandbox from that of its production.
create table tratta_jit.bulk_targets (
  target smallint generated always as identity primary key,
  api_url text not null unique
);

create table tratta_jit.bulk_runs (
  run bigint generated always as identity primary key,
  target smallint not null references tratta_jit.bulk_targets,
  -- retry: only what was rejected
  kind text not null check (kind in ('all', 'retry')),
  -- The process that runs it, or ran it last.
  host text not null,
  pid integer not null,
  started_at timestamptz not null default now(),
  resumed_at timestamptz not null default now(),
  -- Null until everything is sent and its errors are read.
  ended_at timestamptz,
  -- The last customer that was read and stored.
  position text collate "C" not null default '',
  customers bigint not null default 0,
  without_accounts bigint not null default 0,
  -- Optional fields that Tratta would reject: {"customer.email must be ...": {"count": 1, "examples": ["C-1"]}}
  omitted jsonb not null default '{}'
);

-- src/bulk/requests.ts documents the states.
create table tratta_jit.bulk_requests (
  request bigint generated always as identity primary key,
  run bigint not null references tratta_jit.bulk_runs,
  state text not null check (state in ('to_send', 'sending', 'unknown', 'sent', 'settled')),
  row_count integer not null,
  debt_accounts integer not null,
  attempts integer not null default 0,
  -- An earlier attempt may have been accepted, so that "has already been taken" proves that it was.
  maybe_accepted boolean not null default false,
  bulk_id text,
  -- The number of rows that Tratta counted; null when it gave none.
  reported_count integer,
  -- Whether Tratta answered completed; it answers pending otherwise.
  completed boolean not null default false,
  created_at timestamptz not null default now(),
  sent_at timestamptz,
  errors_read_at timestamptz,
  -- Why the accounts of a settled request are unknown unless they are rejected; null when they are accepted.
  doubt text check (doubt in ('no_bulk_id', 'count_differs', 'unmatched_rejections')),
  -- The last error, without values of the data.
  last_error text
);

create index bulk_requests_open_idx on tratta_jit.bulk_requests (request) where state <> 'settled';
create index bulk_requests_bulk_id_idx on tratta_jit.bulk_requests (bulk_id);

-- The rows of each request. An account is in one request: a later request supersedes an earlier one.
create table tratta_jit.bulk_rows (
  target smallint not null,
  request bigint not null,
  customer_external_id text collate "C" not null,
  -- Empty for accounts without a location.
  location_external_id text collate "C" not null,
  -- Position in the array that was sent last, from 1.
  row_number integer not null,
  debt_accounts text[] collate "C" not null,
  -- CRC-32 of each account as it was sent, and of customer and location: whether they have changed since.
  digests integer[] not null,
  digest integer not null,
  -- No foreign key: it would be checked for each of a million rows that one statement writes anyway.
  primary key (target, customer_external_id, location_external_id, request)
);

create index bulk_rows_request_idx on tratta_jit.bulk_rows (request);

create table tratta_jit.bulk_rejections (
  target smallint not null,
  -- Empty for an orphaned account, and for a rejection that matches no row.
  customer_external_id text collate "C" not null,
  location_external_id text collate "C" not null,
  -- Empty for the customer, its location, and with them the whole row.
  debt_account_external_id text collate "C" not null,
  -- Tells rejections apart that match no row; 0 for all others.
  unmatched integer not null default 0,
  rejected_by text not null check (rejected_by in ('us', 'tratta')),
  -- unknown: Tratta returned errors that do not prove whether it has the account.
  outcome text not null default 'rejected' check (outcome in ('rejected', 'unknown', 'unmatched')),
  code text not null,
  -- "field: message", without values.
  reasons text[] not null,
  -- The accounts of a whole row that was rejected before it was sent.
  debt_accounts text[] collate "C" not null default '{}',
  -- As the account or row was when it was rejected; null where it could not be built.
  digest integer,
  request bigint,
  run bigint not null,
  found_at timestamptz not null default now(),
  primary key (target, customer_external_id, location_external_id, debt_account_external_id, unmatched)
);

create index bulk_rejections_request_idx on tratta_jit.bulk_rejections (request) where request is not null;
