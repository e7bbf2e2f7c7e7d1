-- What an import of millions spent half of its time in Postgres on.

-- An import judges the references of a whole file at once; row by row, each took 10 us more, most of it within the
-- commit. Of rows that somebody else writes, `check` tells.
alter table tratta_jit.debt_accounts
  drop constraint debt_accounts_parent_external_id_fkey,
  drop constraint debt_accounts_customer_external_id_fkey,
  drop constraint debt_accounts_location_external_id_fkey;

-- It served the foreign key alone.
drop index tratta_jit.debt_accounts_location_external_id_idx;

-- Identifiers are compared byte by byte: whatever the database's collation, so is it here, and the order that bulk
-- reads customers in is that of their key.
alter table tratta_jit.locations alter external_id type tratta_jit.external_id collate "C";
alter table tratta_jit.customers alter external_id type tratta_jit.external_id collate "C";
drop index if exists tratta_jit.customers_external_id_bytewise_idx;
alter table tratta_jit.debt_accounts
  alter external_id type tratta_jit.external_id collate "C",
  alter parent_external_id type tratta_jit.external_id collate "C",
  alter customer_external_id type tratta_jit.external_id collate "C",
  alter location_external_id type tratta_jit.external_id collate "C";

-- The same rules in one look.
alter domain tratta_jit.external_id drop constraint external_id_check;
alter domain tratta_jit.external_id add constraint external_id_check check (
  char_length(value) <= 255 and value ~ '^[^[:cntrl:]]*[^[:space:][:cntrl:]][^[:cntrl:]]*$'
) not valid;

-- Said in the check itself, where no function has to be called.
alter domain tratta_jit.metadata drop constraint metadata_holds_texts_of_1_to_255_characters;
alter domain tratta_jit.metadata add constraint metadata_holds_texts_of_1_to_255_characters check (
  jsonb_typeof(value) = 'object'
  and not value ? ''
  and not value @? 'strict $.* ? (@.type() != "string" || !(@ like_regex "[^[:space:]]"))'
  and (octet_length(value::text) <= 255 or tratta_jit.has_no_long_text(value))
) not valid;
drop function tratta_jit.is_metadata;

-- Nearly all addresses are texts only, which one look tells.
alter table tratta_jit.customers drop constraint customers_address_check;
alter table tratta_jit.customers add constraint customers_address_check check (
  (jsonb_typeof(address) = 'object' and not address ? 'is_primary' and not address @? 'strict $.* ? (@.type() != "string")')
  or tratta_jit.is_address(address)
) not valid;
