/** The expected answers for the rows of data-set.ts. */
import {
  CHILDREN,
  CITY,
  CREDITOR,
  customersOf,
  DEPARTMENT,
  externalIdOf,
  FAMILY,
  GIVEN,
  LOCATIONS,
  SEGMENT,
  STARTS,
  TYPE,
} from './data-set.ts'

const pick = <Item>(list: Item[], number: number) => list[number % list.length] as Item
const digits = (number: number, count: number) => String(number).padStart(count, '0')
const dateAfter = (days: number) =>
  new Date(Date.parse(STARTS) + days * 86_400_000).toISOString().slice(0, 10)

/** The answer of every server for an account. `ssn_last4` is text here, which keeps leading zeros. */
export function expectedAnswer(i: number, accounts: number) {
  const c = 1 + (i % customersOf(accounts))
  const l = 1 + (i % LOCATIONS)
  const [city, state, postal_code] = pick(CITY, c)
  return {
    data: {
      location: {
        external_id: `LOC-${l}`,
        name: `${pick(CREDITOR, l)} ${l}`,
        type: pick(TYPE, l),
        ...(l % 2 === 0 && { metadata: { portfolio: `P-${digits(l, 4)}` } }),
      },
      customer: {
        external_id: `CUS-${digits(c, 9)}`,
        name: `${pick(GIVEN, c)} ${pick(FAMILY, c)}`,
        ...(c % 5 !== 0 && { email: `customer.${c}@example.com` }),
        ...(c % 9 !== 0 && { phone: `(206) 555-0${100 + (c % 100)}` }),
        date_of_birth: dateAfter(c % 22_000),
        ...(c % 7 !== 0 && { ssn_last4: digits((c * 37) % 10_000, 4) }),
        address: {
          line1: `${c} Alder St Apt ${c % 40}`,
          ...{ city, state, postal_code, country: 'US', is_primary: true },
        },
        metadata: { preferred_language: c % 8 === 0 ? 'es' : 'en', score: String(c % 850) },
      },
      debt_account: {
        external_id: externalIdOf(i),
        external_account_number: `MG-${i * 31}`,
        ...(i % 4 !== 0 && { billing_type: ['payment-plan', 'one-time'] }),
        balance: 5000 + ((i * 7919) % 900_000),
        current_balance: 5000 + ((i * 7919) % 900_000) - (i % 5000),
        ...(i % 20 === 0 && {
          locations: [{ name: 'Cascade Funding LLC', external_id: `CF-${i % 50}`, type: 'current_creditor' }],
        }),
        ...(i % 10 === 0 && {
          payment_plan: { frequency: 'monthly', recurring_day: '15th', amount: 2500 + (i % 1000) },
        }),
        metadata: { placement: `2026-${digits(1 + (i % 12), 2)}`, segment: pick(SEGMENT, i) },
      },
      ...(i % 3 === 0 && {
        child_debt_accounts: Array.from({ length: CHILDREN }, (_, index) => expectedChild(i, index + 1)),
      }),
    },
  }
}

const expectedChild = (i: number, k: number) => ({
  external_id: `${externalIdOf(i)}-${k}`,
  parent_external_id: externalIdOf(i),
  external_account_number: `MG-${i * 31}-${k}`,
  balance: k * 1000 + (i % 90_000),
  current_balance: i % 1000,
  metadata: { service_date: dateAfter(29_000 + (i % 2000)), department: pick(DEPARTMENT, i + k) },
})
