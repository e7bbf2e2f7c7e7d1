/**
 * Seeds an invented portfolio: 1.6 accounts per customer, a third of them children. Of 30 customers, one has accounts
 * at two locations, and eight have a parent with two children.
 */
import type { TestDatabase } from '../support/database.ts'

export const accountsOf = (customers: number) => (customers / 30) * 48
export const rowsOf = (customers: number) => (customers / 30) * 31

/** @param customers a multiple of 30 */
export async function seedPortfolio({ query }: TestDatabase, customers: number) {
  const place = "'LOC-' || (1 + i % 50)"
  const parts: [string, string, string, string][] = [
    ["'A-' || i", 'null', place, 'true'],
    ["'A-' || i || '-other'", 'null', "'LOC-' || (51 + i % 50)", 'i % 30 = 0'],
    ["'A-' || i || '-more'", 'null', place, 'i % 30 = 1'],
    ["'A-' || i || '-child-1'", "'A-' || i", place, 'i % 30 between 2 and 9'],
    ["'A-' || i || '-child-2'", "'A-' || i", place, 'i % 30 between 2 and 9'],
  ]
  await query(`
    insert into tratta_jit.locations (external_id, name)
      select 'LOC-' || i, 'Clinic ' || i from generate_series(1, 100) i;
    insert into tratta_jit.customers (external_id, name, email, phone, date_of_birth, ssn_last4, address, metadata)
      select 'C-' || i, 'Person ' || i, 'person.' || i || '@example.com', '(206) 555-' || lpad((i % 10000)::text, 4, '0'),
        date '1940-01-01' + i % 20000, lpad((i % 10000)::text, 4, '0'),
        jsonb_build_object('line1', i || ' Main St', 'city', 'Seattle', 'state', 'WA', 'postal_code', '98104'),
        jsonb_build_object('segment', 'S' || i % 7)
      from generate_series(1, ${customers}) i;
    begin;
    set local session_replication_role = replica;
    ${parts
      .map(
        ([id, parent, location, where]) => `
    insert into tratta_jit.debt_accounts
      (external_id, parent_external_id, customer_external_id, location_external_id, external_account_number,
       billing_type, balance, current_balance, metadata)
      select ${id}, ${parent}, 'C-' || i, ${location}, 'N-' || i, '{payment-plan,one-time}', 1000 + i, i,
        jsonb_build_object('placement', '2026-' || i % 12)
      from generate_series(1, ${customers}) i where ${where};`,
      )
      .join('')}
    commit;
    analyze;`)
}
