/** A schema `agency` without constraints, like the database of an agency. */
export const AGENCY_SCHEMA = `
  create schema agency;
  create table agency.locations
    (external_id text, name text, type text, metadata json, additional_fields json);
  create table agency.customers
    (external_id text, name text, email text, phone text, date_of_birth text, ssn_last4 text, address json,
     metadata json, additional_fields json);
  create table agency.debt_accounts
    (external_id text, parent_external_id text, customer_external_id text, location_external_id text,
     external_account_number text, billing_type json, balance numeric, current_balance numeric,
     locations json, payment_plan json, metadata json, additional_fields json);`
