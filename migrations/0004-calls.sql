-- The call log, and the record of reads by people (docs/operating.md#call-log). Neither has a name, contact data, SSN
-- digits, a birth date, an address or a metadata value.

-- One row for each call with the correct secret. A partition has the calls of one week, so that old calls are deleted by
-- dropping a table. time is the arrival by the clock of the replica, in milliseconds.
create table tratta_jit.calls (
  time timestamptz not null,
  request_id text not null,
  -- As requested; null for an invalid parameter.
  external_id text collate "C",
  outcome text not null,
  -- Null when the client disconnected.
  status smallint,
  -- From the arrival to the end of the response.
  ms real not null,
  -- The wait for a connection to Postgres, and the whole lookup with this wait.
  connection_ms real,
  database_ms real,
  -- Host and process id.
  replica text not null,
  client inet,
  -- Cents, as sent. Null when none were sent.
  balance bigint,
  current_balance bigint,
  children integer,
  -- Tratta's names of fields that were not sent, without keys of the data.
  omitted text[],
  -- The field that cannot be sent, or a SQLSTATE.
  error text,
  -- SHA-256 of the body that was sent to Tratta.
  body_sha256 bytea,
  -- The transaction that stored the row. `calls --follow` reads what the last read did not see.
  stored_by xid8 not null default pg_current_xact_id(),
  primary key (time, request_id)
) partition by range (time);

create index calls_request_id_idx on tratta_jit.calls (request_id);
create index calls_external_id_idx on tratta_jit.calls (external_id, time) where external_id is not null;
create index calls_outcome_idx on tratta_jit.calls (outcome, time) where outcome <> 'answered';
-- For --slower-than. Usual calls take less, and are not in this index.
create index calls_slow_idx on tratta_jit.calls (time) where ms > 100;
create index calls_stored_by_idx on tratta_jit.calls (stored_by);

-- Calls of a week without a partition: the clock of a replica is wrong, or no partition could be created.
create table tratta_jit.calls_other partition of tratta_jit.calls default;

-- Creates the partitions of this week and the next two, and drops those whose calls are all older than keep_days. Only
-- the owner of a table may do this, so that the function has the rights of the owner. The caller needs insert and
-- delete on tratta_jit.calls.
create function tratta_jit.maintain_calls(keep_days integer) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
declare
  this_week constant date := date_trunc('week', now() at time zone 'UTC');
  oldest constant date := (now() at time zone 'UTC')::date - keep_days;
  week date;
  partition text;
begin
  if keep_days < 1 then
    raise exception 'keep_days must be at least 1' using errcode = 'invalid_parameter_value';
  end if;
  if not (has_table_privilege(session_user, 'tratta_jit.calls', 'insert')
    and has_table_privilege(session_user, 'tratta_jit.calls', 'delete')) then
    raise exception 'insert and delete on tratta_jit.calls are needed' using errcode = 'insufficient_privilege';
  end if;
  -- Another replica is doing this.
  if not pg_try_advisory_xact_lock(hashtextextended('tratta_jit.calls', 0)) then return; end if;
  for weeks in 0 .. 2 loop
    week := this_week + 7 * weeks;
    partition := 'calls_' || to_char(week, 'YYYYMMDD');
    continue when to_regclass('tratta_jit.' || partition) is not null;
    begin
      execute format('create table tratta_jit.%I partition of tratta_jit.calls for values from (%L) to (%L)',
        partition, week || ' 00:00Z', week + 7 || ' 00:00Z');
    exception
      -- calls_other has calls of this week.
      when check_violation then null;
      -- A reader holds a lock. The next call of this function tries again.
      when lock_not_available then return;
    end;
  end loop;
  for partition in
    select relname from pg_class join pg_inherits on inhrelid = oid
    where inhparent = 'tratta_jit.calls'::regclass and relname ~ '^calls_\d{8}$'
      and to_date(right(relname, 8), 'YYYYMMDD') + 7 <= oldest
  loop
    begin
      execute format('drop table tratta_jit.%I', partition);
    exception when lock_not_available then return;
    end;
  end loop;
  delete from tratta_jit.calls_other where time < oldest;
end $$;

-- Each read of an account by a person.
create table tratta_jit.reads (
  time timestamptz not null default now(),
  -- The user of the operating system, or of the console.
  user_name text not null,
  database_user text not null default session_user,
  host text not null,
  command text not null,
  -- Null when the command reads many accounts.
  external_id text collate "C",
  -- What Tratta did, for a trigger.
  result text
);

create index reads_time_idx on tratta_jit.reads (time);
create index reads_external_id_idx on tratta_jit.reads (external_id, time) where external_id is not null;
