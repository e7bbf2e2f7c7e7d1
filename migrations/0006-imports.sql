-- One row for each run of `import` that read its files; dry runs are not recorded. It contains no values of the data.

create table tratta_jit.imports (
  import bigint generated always as identity primary key,
  -- rejected: rows were rejected. refused: too many accounts were absent. failed: an error, or stopped. In these three
  -- cases nothing was loaded.
  outcome text not null check (outcome in ('loaded', 'rejected', 'refused', 'failed')),
  -- Why an import failed.
  error text,
  started_at timestamptz not null,
  ended_at timestamptz not null default clock_timestamp(),
  -- The user and the name of the machine that ran the command.
  os_user text not null,
  host text not null,
  -- The options of the command: {"money": "dollars", "snapshot": true}. Files without their folders.
  options jsonb not null,
  -- [{"file": "accounts.csv", "sha256": "...", "bytes": 1234, "rows": 12}], without folders
  files jsonb not null,
  rows bigint not null,
  rows_rejected bigint not null,
  -- {"debt_accounts": {"added": 1, "changed": 0, "unchanged": 0}, "customers": ..., "locations": ...}; null if nothing was loaded
  counts jsonb,
  -- {"action": "zero", "accounts": 2, "of": 100, "already_closed": 0, "parents": 1}
  absent jsonb,
  -- [{"code": "invalid_money", "field": "debt_account.balance", "message": "...", "rows": 2}]
  rejected jsonb not null,
  -- {"omitted": [{"message": "...", "count": 3}], "changed": [...], "skipped": [...]}: omitted optional values, values that were
  -- read differently from what the file has, and lines that are no account
  adjustments jsonb not null
);

create index imports_files_idx on tratta_jit.imports using gin (files jsonb_path_ops);
