-- The accounts of `tratta-jit trigger --sample N`, and what Tratta did with each. A command that stops before the end
-- is resumed by the next one with the same N; then a new sample replaces the old one.

create table tratta_jit.trigger_samples (
  api_url text not null,
  external_id text collate "C" not null,
  -- N of `--sample N`
  size integer not null,
  position integer not null,
  -- Why the account was chosen: "customer.email", "largest"; empty for a random account.
  traits text[] not null,
  created_at timestamptz not null default now(),
  -- Null until there is a result. our_error: tratta-jit returned an error. no_answer: it is unknown what Tratta did.
  result text check (result in ('accepted', 'rejected', 'our_error', 'no_answer')),
  -- "field: message", without values.
  reasons text[] not null default '{}',
  -- Of our error.
  request_id text,
  -- Milliseconds: the lookup of the account, and the whole trigger.
  our_ms real,
  tratta_ms real,
  -- Names of fields that Tratta returned with another value, or not at all.
  differs text[] not null default '{}',
  not_returned text[] not null default '{}',
  finished_at timestamptz,
  primary key (api_url, external_id)
);
