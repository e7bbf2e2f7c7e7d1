-- Sample accounts. The first two families are the examples of Tratta's pages "Just In Time" and "Bulk".
-- All people in this file are fictional.
begin;

insert into tratta_jit.locations (external_id, name, type) values
  ('location-123', 'Test Location', null),
  ('rerum', 'provident', null),
  ('mercy-general', 'Mercy General Hospital', 'original_creditor'),
  ('cascade-funding', 'Cascade Funding LLC', 'current_creditor'),
  ('northwind-power', 'Northwind Power & Light', 'original_creditor');

insert into tratta_jit.customers
  (external_id, name, email, phone, date_of_birth, ssn_last4, address, metadata) values
  ('customer-123', 'Test Customer', null, null, null, null, null, null),
  ('70b440dc-5283-3bd5-bb93-8dc599f2288f', 'Tremaine Abbott', 'tatum.marks@example.com', '+1-489-899-2182',
    '1990-01-01', '9098',
    '{"name": "Dr. Pascale Purdy", "line1": "2190 Streich Gateway\nEast Conor, OK 74977-6615",
      "line2": "Suite 420", "city": "East Ophelia", "postal_code": "00485-8914", "state": "Minnesota",
      "country": "Serbia", "is_primary": false}',
    '{"pariatur": "ipsum", "ad": "perspiciatis", "culpa": "et", "rem": "libero"}'),
  ('C-20417', 'María-José Núñez', 'mj.nunez@example.org', '(206) 555-0142', '1984-02-29', '0042',
    '{"line1": "418 Alder St Apt 3", "city": "Seattle", "postal_code": "98104", "state": "WA",
      "country": "US", "is_primary": true}',
    '{"preferred_language": "es"}'),
  ('C-20980', '陳大文', null, '+1 503 555 0187', null, null, null, null);

insert into tratta_jit.debt_accounts
  (external_id, parent_external_id, customer_external_id, location_external_id, external_account_number,
   billing_type, balance, current_balance, locations, payment_plan, metadata, additional_fields) values
  -- "Just In Time"
  ('debt-account-123', null, 'customer-123', 'location-123', null, null, 2000, 2000, null, null, null, null),
  ('debt-account-124', 'debt-account-123', null, null, null, null, 1000, 1000, null, null, null, null),
  ('debt-account-125', 'debt-account-123', null, null, null, null, 1000, 1000, null, null, null, null),
  -- "Bulk"
  ('parent-external-id', null, '70b440dc-5283-3bd5-bb93-8dc599f2288f', 'rerum', '1rTg2nefvo8G',
    '{partial-payment}', 0, 0, null, null, '{"sapiente": "aut", "doloremque": "ut", "quas": "a"}', null),
  ('awfert', null, '70b440dc-5283-3bd5-bb93-8dc599f2288f', 'rerum', '1rTg2nefvo8J',
    '{partial-payment}', 100, 100, null, null, '{"sapiente": "aut", "doloremque": "ut", "quas": "a"}', null),
  ('vel', 'parent-external-id', '70b440dc-5283-3bd5-bb93-8dc599f2288f', 'rerum', 'aCQb2a66LcaX',
    '{partial-payment}', 100, 100, null, null, '{"et": "reprehenderit", "quia": "quia", "dolorem": "ut"}', null),
  ('quia', null, '70b440dc-5283-3bd5-bb93-8dc599f2288f', 'rerum', 'EdvUmwjHoPVU',
    '{partial-payment}', 100, 100, null, null,
    '{"repudiandae": "omnis", "distinctio": "delectus", "sunt": "quibusdam"}', null),
  ('maiores', null, '70b440dc-5283-3bd5-bb93-8dc599f2288f', 'rerum', 'Ii3WNP93ePKV',
    '{partial-payment}', 100, 100, null, null, '{"libero": "sit", "sit": "enim", "est": "ipsa"}', null),
  ('molestiae', null, '70b440dc-5283-3bd5-bb93-8dc599f2288f', 'rerum', 'kqipYsoS2hdN',
    '{partial-payment}', 100, 100, null, null, '{"aut": "laboriosam", "velit": "ut", "ut": "dolores"}', null),
  -- A parent with children
  ('A-500100', null, 'C-20417', 'mercy-general', 'MG-77120', '{payment-plan,one-time}', 184250, 121900, null, null,
    '{"placement": "2026-03"}', null),
  ('A-500101', 'A-500100', 'C-20417', 'mercy-general', 'MG-77120-1', null, 129900, 86650, null, null,
    '{"service_date": "2025-11-04", "department": "Cardiology"}', null),
  ('A-500102', 'A-500100', 'C-20417', 'mercy-general', 'MG-77120-2', null, 41800, 22700, null, null,
    '{"service_date": "2025-11-05", "department": "Imaging"}', null),
  ('A-500103', 'A-500100', 'C-20417', 'mercy-general', 'MG-77120-3', null, 12550, 12550, null, null,
    '{"service_date": "2025-12-01", "department": "Laboratory"}', null),
  -- An account with every field
  ('A-500200', null, 'C-20417', 'northwind-power', 'NW-0031-99', '{one-time,scheduled,promise-to-pay}', 64900, 40215,
    '[{"name": "Cascade Funding LLC", "external_id": "cascade-funding", "type": "current_creditor"},
      {"name": "Electricity", "type": "product_type"}]',
    '{"frequency": "monthly", "recurring_day": "15th", "amount": 5000}',
    '{"minimum_payment_amount": "2500", "placement": "2026-05"}',
    '{"status": "open"}'),
  -- An account without parent and children
  ('A-500300', null, 'C-20980', null, 'NW-0107-12', null, 7425, 7425, null, null, null, null);

commit;
