-- What `probe` found out about a Tratta: which reading of its pages is right (docs/tratta.md).

create table tratta_jit.readings (
  -- Tratta's sandbox and its production have different API URLs.
  api_url text not null,
  -- The experiment of `probe`.
  name text not null,
  -- Short, for programs: reuse, folded, 2000000.
  value text not null,
  -- unsupported: differs, and the program cannot adapt.
  result text not null check (result in ('as_assumed', 'differs', 'unsupported')),
  -- A sentence, for people. It contains no data of the organization.
  found text not null,
  -- What follows from a difference.
  effect text,
  learned_at timestamptz not null default now(),
  -- The version of this program.
  version text not null,
  primary key (api_url, name)
);
