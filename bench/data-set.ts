/**
 * The accounts of the bench, generated from their numbers 1 to N: here as SQL that writes rows, in
 * expected-answer.ts as the expected answers. All data is invented.
 */

/** Children of every third account, in addition to N accounts. */
export const CHILDREN = 3
export const LOCATIONS = 200
export const STARTS = '1940-01-01'

export const GIVEN =
  'James Mary Robert Patricia José Linda Wei Barbara Ahmed Susan Thomas Zoë Daniel Nancy'.split(' ')
export const FAMILY =
  'Smith Johnson Núñez Brown Jones García Miller Davis Nguyen Wilson Lee Walker O’Neil'.split(' ')
const CITIES =
  'Seattle WA 98104,Boston MA 02118,Hartford CT 06103,Tulsa OK 74103,Newark NJ 07102,Mesa AZ 85201'
export const CITY = CITIES.split(',').map(
  (place) => place.split(' ') as [city: string, state: string, zip: string],
)
export const CREDITOR = 'Mercy Hospital,Northwind Power,Cascade Funding,Harbor Dental,Prairie Telecom'.split(
  ',',
)
export const TYPE = ['original_creditor', 'current_creditor', 'product_type']
export const DEPARTMENT = [
  'Cardiology',
  'Imaging',
  'Laboratory',
  'Emergency',
  'Pharmacy',
  'Surgery',
  'Pediatrics',
]
export const SEGMENT = ['A', 'B', 'C', 'D']

export const externalIdOf = (account: number) => `ACC-${String(account).padStart(9, '0')}`

/** Three customers for five accounts. */
export const customersOf = (accounts: number) => Math.ceil((accounts * 3) / 5)

interface Statement {
  text: string
  values: unknown[]
}

const one = (list: string, number: string) =>
  `(${list}::text[])[(${number}) % cardinality(${list}::text[]) + 1]`
const padded = (number: string, digits: number) => `lpad((${number})::text, ${digits}, '0')`

export const insertLocations: Statement = {
  text: `
    insert into tratta_jit.locations (external_id, name, type, metadata)
    select 'LOC-' || i, ${one('$1', 'i')} || ' ' || i, ${one('$2', 'i')},
      case when i % 2 = 0 then jsonb_build_object('portfolio', 'P-' || ${padded('i', 4)}) end
    from generate_series(1, ${LOCATIONS}) i`,
  values: [CREDITOR, TYPE],
}

/** Accounts `from` to `to` with their children, and as many customers as belong to them. */
export function insertAccounts(from: number, to: number, accounts: number): Statement[] {
  const customers = customersOf(accounts)
  const shareOf = (account: number) => Math.floor((account * customers) / accounts)
  return [
    {
      text: `
        insert into tratta_jit.customers
          (external_id, name, email, phone, date_of_birth, ssn_last4, address, metadata)
        select 'CUS-' || ${padded('i', 9)}, ${one('$3', 'i')} || ' ' || ${one('$4', 'i')},
          case when i % 5 <> 0 then 'customer.' || i || '@example.com' end,
          case when i % 9 <> 0 then '(206) 555-' || ${padded('100 + i % 100', 4)} end,
          date '${STARTS}' + (i % 22000)::int,
          case when i % 7 <> 0 then ${padded('i * 37 % 10000', 4)} end,
          jsonb_build_object('line1', i || ' Alder St Apt ' || i % 40, 'city', ${one('$5', 'i')},
            'state', ${one('$6', 'i')}, 'postal_code', ${one('$7', 'i')}, 'country', 'US', 'is_primary', true),
          jsonb_build_object('preferred_language', case when i % 8 = 0 then 'es' else 'en' end,
            'score', (i % 850)::text)
        from generate_series($1::bigint, $2::bigint) i`,
      values: [
        shareOf(from - 1) + 1,
        shareOf(to),
        GIVEN,
        FAMILY,
        CITY.map(([city]) => city),
        CITY.map(([, state]) => state),
        CITY.map(([, , zip]) => zip),
      ],
    },
    {
      text: `
        insert into tratta_jit.debt_accounts
          (external_id, customer_external_id, location_external_id, external_account_number, billing_type,
           balance, current_balance, locations, payment_plan, metadata)
        select 'ACC-' || ${padded('i', 9)}, 'CUS-' || ${padded('1 + i % $3::bigint', 9)}, 'LOC-' || 1 + i % ${LOCATIONS},
          'MG-' || i * 31, case when i % 4 <> 0 then '{payment-plan,one-time}'::text[] end,
          5000 + i * 7919 % 900000, 5000 + i * 7919 % 900000 - i % 5000,
          case when i % 20 = 0 then jsonb_build_array(jsonb_build_object(
            'name', 'Cascade Funding LLC', 'external_id', 'CF-' || i % 50, 'type', 'current_creditor')) end,
          case when i % 10 = 0 then jsonb_build_object(
            'frequency', 'monthly', 'recurring_day', '15th', 'amount', 2500 + i % 1000) end,
          jsonb_build_object('placement', '2026-' || ${padded('1 + i % 12', 2)}, 'segment', ${one('$4', 'i')})
        from generate_series($1::bigint, $2::bigint) i`,
      values: [from, to, customers, SEGMENT],
    },
    {
      text: `
        insert into tratta_jit.debt_accounts
          (external_id, parent_external_id, customer_external_id, location_external_id,
           external_account_number, balance, current_balance, metadata)
        select 'ACC-' || ${padded('i', 9)} || '-' || k, 'ACC-' || ${padded('i', 9)},
          'CUS-' || ${padded('1 + i % $3::bigint', 9)}, 'LOC-' || 1 + i % ${LOCATIONS}, 'MG-' || i * 31 || '-' || k,
          k * 1000 + i % 90000, i % 1000,
          jsonb_build_object('service_date', date '${STARTS}' + (29000 + i % 2000)::int,
            'department', ${one('$4', 'i + k')})
        from generate_series($1::bigint, $2::bigint) i, generate_series(1, ${CHILDREN}) k
        where i % 3 = 0`,
      values: [from, to, customers, DEPARTMENT],
    },
  ]
}
