-- What the lookup reads. Resources are keyed by external_id, as Tratta keys them, and the columns
-- carry Tratta's names, so that views over somebody else's tables can take the place of these.
-- The constraints keep out what Tratta would refuse; src/contract.ts holds the same rules for data
-- that comes out of views.

create domain tratta_jit.external_id as text
  check (char_length(value) <= 255 and value ~ '[^[:space:]]' and value !~ '[[:cntrl:]]');

-- Cents. Beyond 2^53 - 1 a JSON reader may round, and a rounded balance is a wrong one.
create domain tratta_jit.cents as bigint
  check (value between -9007199254740991 and 9007199254740991);

create function tratta_jit.is_metadata(value jsonb) returns boolean
  language plpgsql immutable strict parallel safe as $$
begin
  return jsonb_typeof(value) = 'object' and not exists (
    select from jsonb_each(value) as pair (key, value)
    where char_length(pair.key) not between 1 and 255
      or jsonb_typeof(pair.value) <> 'string'
      or char_length(pair.value #>> '{}') not between 1 and 255
      or pair.value #>> '{}' !~ '[^[:space:]]'
  );
end $$;

create domain tratta_jit.metadata as jsonb
  constraint metadata_holds_texts_of_1_to_255_characters check (tratta_jit.is_metadata(value));

create function tratta_jit.is_address(value jsonb) returns boolean
  language plpgsql immutable strict parallel safe as $$
begin
  return jsonb_typeof(value) = 'object' and not exists (
    select from jsonb_each(value) as field (key, value)
    where case
      when field.key in ('name', 'line1', 'line2', 'city', 'postal_code', 'state', 'country')
        then jsonb_typeof(field.value) not in ('string', 'null')
      when field.key = 'is_primary' then jsonb_typeof(field.value) not in ('boolean', 'null')
      else false
    end
  );
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

create table tratta_jit.locations (
  external_id tratta_jit.external_id primary key,
  name text not null check (name ~ '[^[:space:]]'),
  type text check (type in ('original_creditor', 'current_creditor', 'product_type')),
  metadata tratta_jit.metadata,
  additional_fields jsonb check (jsonb_typeof(additional_fields) = 'object')
);

-- Tratta holds one location for a name and a type.
create unique index locations_name_type_key
  on tratta_jit.locations (name, coalesce(type, 'original_creditor'));

create table tratta_jit.customers (
  external_id tratta_jit.external_id primary key,
  name text not null check (name ~ '[^[:space:]]'),
  email text check (char_length(email) <= 254 and email ~ '^[A-Za-z0-9!#$%&''*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&''*+/=?^_`{|}~-]+)*@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])$'),
  phone text check (phone ~ '^(\+?1[ .-]?)?(\([2-9][0-9]{2}\)|[2-9][0-9]{2})[ .-]?[2-9][0-9]{2}[ .-]?[0-9]{4}$'),
  date_of_birth date check (date_of_birth between '0001-01-01' and '9999-12-31'),
  ssn_last4 text check (ssn_last4 ~ '^[0-9]{4}$'),
  address jsonb check (tratta_jit.is_address(address)),
  metadata tratta_jit.metadata,
  additional_fields jsonb check (jsonb_typeof(additional_fields) = 'object')
);

create table tratta_jit.debt_accounts (
  external_id tratta_jit.external_id primary key,
  -- Deferred, so that a load may bring children before their parents.
  parent_external_id tratta_jit.external_id
    references tratta_jit.debt_accounts deferrable initially deferred
    check (parent_external_id <> external_id),
  customer_external_id tratta_jit.external_id
    references tratta_jit.customers deferrable initially deferred,
  location_external_id tratta_jit.external_id
    references tratta_jit.locations deferrable initially deferred,
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
create index debt_accounts_location_external_id_idx
  on tratta_jit.debt_accounts (location_external_id);
