-- The tables that the lookup reads. Resources are keyed by external_id, as Tratta keys them, and the columns have
-- Tratta's names, so that views over other tables can replace these tables. The constraints reject what Tratta would
-- reject; src/contract.ts has the same rules for data from views. An import of millions of rows spends half of its
-- time in Postgres on these constraints: a function without a query is evaluated as an expression, and costs less.

create domain tratta_jit.external_id as text check (
  char_length(value) <= 255 and value ~ '^[^[:cntrl:]]*[^[:space:][:cntrl:]][^[:cntrl:]]*$'
);

-- Cents. A JSON reader may round above 2^53 - 1.
create domain tratta_jit.cents as bigint
  check (value between -9007199254740991 and 9007199254740991);

create function tratta_jit.has_no_long_text(value jsonb) returns boolean
  language plpgsql immutable strict parallel safe as $$
begin
  return not exists (
    select from jsonb_each_text(value) as pair (key, value)
    where char_length(pair.key) > 255 or char_length(pair.value) > 255
  );
end $$;

-- An object of non-blank strings; keys and values have 1 to 255 characters. strict: lax mode would unwrap arrays.
create domain tratta_jit.metadata as jsonb constraint metadata_has_texts_of_1_to_255_characters check (
  jsonb_typeof(value) = 'object'
  and not value ? ''
  and not value @? 'strict $.* ? (@.type() != "string" || !(@ like_regex "[^[:space:]]"))'
  -- No key and no value is longer than the whole object.
  and (octet_length(value::text) <= 255 or tratta_jit.has_no_long_text(value))
);

create function tratta_jit.is_address(value jsonb) returns boolean
  language plpgsql immutable strict parallel safe as $$
begin
  return jsonb_typeof(value) = 'object'
    and coalesce(jsonb_typeof(value -> 'name') in ('string', 'null'), true)
    and coalesce(jsonb_typeof(value -> 'line1') in ('string', 'null'), true)
    and coalesce(jsonb_typeof(value -> 'line2') in ('string', 'null'), true)
    and coalesce(jsonb_typeof(value -> 'city') in ('string', 'null'), true)
    and coalesce(jsonb_typeof(value -> 'postal_code') in ('string', 'null'), true)
    and coalesce(jsonb_typeof(value -> 'state') in ('string', 'null'), true)
    and coalesce(jsonb_typeof(value -> 'country') in ('string', 'null'), true)
    and coalesce(jsonb_typeof(value -> 'is_primary') in ('boolean', 'null'), true);
end $$;

create function tratta_jit.is_further_locations(value jsonb) returns boolean
  language plpgsql immutable strict parallel safe as $$
begin
  return jsonb_typeof(value) = 'array' and not exists (
    select from jsonb_array_elements(value) as location
    where jsonb_typeof(location) <> 'object'
      or coalesce(jsonb_typeof(location -> 'name') <> 'string', true)
      or location ->> 'name' !~ '[^[:space:]]'
      or coalesce(jsonb_typeof(location -> 'external_id') not in ('string', 'null'), false)
      or coalesce(char_length(location ->> 'external_id') > 255 or location ->> 'external_id' ~ '[[:cntrl:]]', false)
      or coalesce(location ->> 'type', 'original_creditor')
        not in ('original_creditor', 'current_creditor', 'product_type')
  );
end $$;

create function tratta_jit.is_payment_plan(value jsonb) returns boolean
  language plpgsql immutable strict parallel safe as $$
begin
  return jsonb_typeof(value) = 'object'
    and coalesce(value ->> 'frequency' in ('weekly', 'every_other_week', 'monthly'), false)
    and coalesce(value ->> 'recurring_day' ~ '^((mon|tues|wednes|thurs|fri|satur|sun)day|1st|15th|last_day)$', false)
    and coalesce(jsonb_typeof(value -> 'amount') = 'number' and value ->> 'amount' ~ '^[0-9]{1,15}$', false);
end $$;

-- Identifiers are compared byte by byte, whatever the collation of the database: bulk push reads customers in the
-- order of their key. The tables have no foreign keys: an import validates the references of a whole file at once,
-- and `tratta-jit check` reports those of other writers.
create table tratta_jit.locations (
  external_id tratta_jit.external_id collate "C" primary key,
  name text not null check (name ~ '[^[:space:]]'),
  type text check (type in ('original_creditor', 'current_creditor', 'product_type')),
  metadata tratta_jit.metadata,
  additional_fields jsonb check (jsonb_typeof(additional_fields) = 'object')
);

-- Tratta has one location for a name and a type.
create unique index locations_name_type_key
  on tratta_jit.locations (name, coalesce(type, 'original_creditor'));

create table tratta_jit.customers (
  external_id tratta_jit.external_id collate "C" primary key,
  name text not null check (name ~ '[^[:space:]]'),
  -- Only an address of 64 characters or more can have a label of more than 63: the expression that counts is slow.
  email text constraint customers_email_check check (
    char_length(email) <= 254
    and email ~ '^[A-Za-z0-9!#$%&''*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&''*+/=?^_`{|}~-]+)*@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])$'
    and (char_length(email) < 64
      or email ~ '^[A-Za-z0-9!#$%&''*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&''*+/=?^_`{|}~-]+)*@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])$')
  ),
  phone text check (phone ~ '^(\+?1[ .-]?)?(\([2-9][0-9]{2}\)|[2-9][0-9]{2})[ .-]?[2-9][0-9]{2}[ .-]?[0-9]{4}$'),
  date_of_birth date check (date_of_birth between '0001-01-01' and '9999-12-31'),
  ssn_last4 text check (ssn_last4 ~ '^[0-9]{4}$'),
  -- Nearly all addresses have only texts, which one path expression finds out.
  address jsonb constraint customers_address_check check (
    (jsonb_typeof(address) = 'object' and not address ? 'is_primary'
      and not address @? 'strict $.* ? (@.type() != "string")')
    or tratta_jit.is_address(address)
  ),
  metadata tratta_jit.metadata,
  additional_fields jsonb check (jsonb_typeof(additional_fields) = 'object')
);

create table tratta_jit.debt_accounts (
  external_id tratta_jit.external_id collate "C" primary key,
  parent_external_id tratta_jit.external_id collate "C" check (parent_external_id <> external_id),
  customer_external_id tratta_jit.external_id collate "C",
  location_external_id tratta_jit.external_id collate "C",
  external_account_number text,
  billing_type text[] check (array_position(billing_type, null) is null and array_position(billing_type, '') is null),
  balance tratta_jit.cents not null,
  current_balance tratta_jit.cents,
  locations jsonb check (tratta_jit.is_further_locations(locations)),
  payment_plan jsonb check (tratta_jit.is_payment_plan(payment_plan)),
  metadata tratta_jit.metadata,
  additional_fields jsonb check (jsonb_typeof(additional_fields) = 'object')
);

comment on column tratta_jit.debt_accounts.balance is 'cents placed';
comment on column tratta_jit.debt_accounts.current_balance is 'cents owed now';
comment on column tratta_jit.debt_accounts.locations is
  'further locations of this account: an array of {name, external_id?, type?}';
comment on column tratta_jit.debt_accounts.additional_fields is
  'further fields that Tratta documents, sent as they are';

create index debt_accounts_parent_external_id_idx
  on tratta_jit.debt_accounts (parent_external_id, external_id) where parent_external_id is not null;
create index debt_accounts_customer_external_id_idx
  on tratta_jit.debt_accounts (customer_external_id, external_id);
