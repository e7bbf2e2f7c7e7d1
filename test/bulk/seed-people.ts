/** Customers with invented personal values, which no stored reason may contain. */
import type { TestDatabase } from '../support/database.ts'

const CUSTOMERS = 60
export const ACCOUNTS = 3 * CUSTOMERS

/** Matches a part of each personal value, as a message could repeat it. */
export const PERSONAL = /Wilhelmina|Quixote|wilhelmina|206\D*555|19\d\d-\d\d-\d\d|Elm Street|\b7[0-9]{3}\b/

/** @param prefix starts each id. `ID-` differs from its lower case; an empty prefix gives ids of digits. */
export async function seedPeople({ query }: TestDatabase, prefix = 'ID-') {
  await query(`
    insert into tratta_jit.locations (external_id, name) values ('LOC', 'Clinic');
    insert into tratta_jit.customers (external_id, name, email, phone, date_of_birth, ssn_last4, address)
      select '${prefix}' || 1000 + i, 'Wilhelmina Quixote', 'wilhelmina.' || i || '@example.com', '(206) 555-0' || 100 + i,
        date '1950-01-01' + i, (7000 + i)::text, jsonb_build_object('line1', i || ' Elm Street', 'city', 'Seattle')
      from generate_series(1, ${CUSTOMERS}) i;
    insert into tratta_jit.debt_accounts (external_id, parent_external_id, customer_external_id, location_external_id, balance)
      select '${prefix}' || 2000 + i, null, '${prefix}' || 1000 + i, 'LOC', i from generate_series(1, ${CUSTOMERS}) i union all
      select '${prefix}' || 3000 + i, '${prefix}' || 2000 + i, '${prefix}' || 1000 + i, 'LOC', i from generate_series(1, ${CUSTOMERS}) i union all
      select '${prefix}' || 4000 + i, null, '${prefix}' || 1000 + i, 'LOC', i from generate_series(1, ${CUSTOMERS}) i`)
}
