select json_strip_nulls(json_build_object('data', json_build_object(
  'location', (select row_to_json(found) from (
    select external_id, name, type, metadata
    from tratta_jit.locations where external_id = account.location_external_id) found),
  'customer', (select row_to_json(found) from (
    select external_id, name, email, phone, date_of_birth, ssn_last4, address, metadata
    from tratta_jit.customers where external_id = account.customer_external_id) found),
  'debt_account', json_build_object(
    'external_id', external_id, 'parent_external_id', parent_external_id,
    'external_account_number', external_account_number, 'billing_type', billing_type,
    'balance', balance, 'current_balance', current_balance,
    'locations', locations, 'payment_plan', payment_plan, 'metadata', metadata),
  'child_debt_accounts', (select json_agg(row_to_json(found)) from (
    select external_id, parent_external_id, external_account_number, billing_type,
      balance, current_balance, locations, payment_plan, metadata
    from tratta_jit.debt_accounts where parent_external_id = account.external_id
    order by external_id) found)
)))::text as body
from tratta_jit.debt_accounts account
where external_id = $1
