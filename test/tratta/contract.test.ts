/**
 * Compares two independent readings of Tratta's pages: the simulated Tratta accepts every account that our tables
 * accept, and it rejects a field that the test makes invalid, by name. CASES sets the number; FUZZ_SEED repeats a run.
 */
import fc from 'fast-check'
import pg from 'pg'
import t from 'tap'
import { accountStatement } from '../../src/database/account-statement.ts'
import { findAccount } from '../../src/database/find-account.ts'
import { buildPayload } from '../../src/payload/build-payload.ts'
import { defaultSettings } from '../../src/simulator/settings.ts'
import { createStore } from '../../src/simulator/store.ts'
import { validatePayload } from '../../src/simulator/validate-payload.ts'
import { testDatabase } from '../support/database.ts'

const CASES = Number(process.env.CASES ?? 10_000)
const SEED = Number(process.env.FUZZ_SEED ?? 1)

// The type text of Postgres accepts every character except NUL.
const text = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 40 })
  .map((text) => text.replaceAll('\0', ' ').toWellFormed())
const name = text.map((text) => (/[^\p{White_Space}\uFEFF]/u.test(text) ? text : `x${text}`))
const id = fc.string({
  unit: fc.constantFrom('a', 'Z', '0', ' ', 'é', '/', '%', '陳', '😀', '"', '\\'),
  minLength: 1,
  maxLength: 30,
})
const short = name.map((text) => [...text].slice(0, 255).join(''))
const metadata = fc.dictionary(name, short, { minKeys: 0, maxKeys: 4, noNullPrototype: true })
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null })
const cents = fc.maxSafeInteger()
const digits = (count: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: count, maxLength: count })
const address = fc.record(
  {
    name: text,
    line1: text,
    line2: text,
    city: text,
    postal_code: text,
    state: text,
    country: text,
    is_primary: fc.boolean(),
  },
  { requiredKeys: [], noNullPrototype: true },
)
const phone = fc
  .tuple(
    fc.constantFrom('', '+1 ', '1-', '+1'),
    fc.constantFrom('206', '(989)'),
    fc.constantFrom('-', ' ', '.', ''),
    digits(4),
  )
  .map(([country, area, separator, last]) => `${country}${area}${separator}555${separator}${last}`)
const email = fc
  .tuple(
    fc.constantFrom('a', 'ann.lee', "o'neil+x", 'x_1'),
    fc.constantFrom('example.com', 'mail.example.co', 'x-y.org'),
  )
  .map(([local, domain]) => `${local}@${domain}`)
const locationType = fc.constantFrom('original_creditor', 'current_creditor', 'product_type')
const additional = fc.record(
  { status: text, settlement_amount: fc.nat() },
  { requiredKeys: [], noNullPrototype: true },
)
const plan = fc.record(
  {
    frequency: fc.constantFrom('weekly', 'every_other_week', 'monthly'),
    recurring_day: fc.constantFrom('monday', 'sunday', '1st', '15th', 'last_day'),
    amount: fc.nat(),
  },
  { noNullPrototype: true },
)
const account = fc.record({
  external_id: id,
  external_account_number: optional(text),
  billing_type: optional(fc.array(name, { maxLength: 3 })),
  balance: cents,
  current_balance: optional(cents),
  locations: optional(
    fc.array(
      fc.record(
        { name, external_id: id, type: locationType },
        { requiredKeys: ['name'], noNullPrototype: true },
      ),
      { maxLength: 2 },
    ),
  ),
  payment_plan: optional(plan),
  metadata: optional(metadata),
  additional_fields: optional(additional),
})
const family = fc.record({
  location: optional(
    fc.record({
      name,
      type: optional(locationType),
      metadata: optional(metadata),
      additional_fields: optional(additional),
    }),
  ),
  customer: optional(
    fc.record({
      name,
      email: optional(email),
      phone: optional(phone),
      date_of_birth: optional(
        fc
          .date({ min: new Date('1900-01-01'), max: new Date('2030-01-01'), noInvalidDate: true })
          .map((date) => date.toISOString().slice(0, 10)),
      ),
      ssn_last4: optional(digits(4)),
      address: optional(address),
      metadata: optional(metadata),
      additional_fields: optional(additional),
    }),
  ),
  account,
  children: fc.array(account, { maxLength: 3 }),
})

t.test(
  `${CASES} accounts that the tables accept: the simulated Tratta accepts each, and rejects an invalid field`,
  { timeout: 300_000 },
  async (t) => {
    const database = await testDatabase(t)
    const pool = new pg.Pool({ connectionString: database.url })
    const statement = accountStatement('tratta_jit', true)
    const wrong: string[] = []
    let rejectedByName = 0
    for (let from = 0; from < CASES; from += 1000) {
      const families = fc.sample(family, { numRuns: Math.min(1000, CASES - from), seed: SEED + from })
      const rows = { locations: [] as object[], customers: [] as object[], debt_accounts: [] as object[] }
      const ids: string[] = []
      for (const [index, { location, customer, account, children }] of families.entries()) {
        // The index makes families distinct. No generated id contains '#', so no child has its parent's id.
        const unique = (id: string) => `${from + index}:${id}`
        const parent = unique(account.external_id)
        const links = {
          customer_external_id: customer && unique('c'),
          location_external_id: location && unique('l'),
        }
        if (location)
          rows.locations.push({
            ...location,
            external_id: unique('l'),
            name: `${from + index} ${location.name}`,
          })
        if (customer) rows.customers.push({ ...customer, external_id: unique('c') })
        rows.debt_accounts.push({ ...account, ...links, external_id: parent })
        for (const [child, row] of children.entries())
          rows.debt_accounts.push({
            ...row,
            ...links,
            external_id: unique(`#${child} ${row.external_id}`),
            parent_external_id: parent,
          })
        ids.push(parent)
      }
      for (const [table, values] of Object.entries(rows))
        await pool.query(
          `insert into tratta_jit.${table} select * from json_populate_recordset(null::tratta_jit.${table}, $1)`,
          [JSON.stringify(values)],
        )
      for (const externalId of ids) {
        const row = await findAccount(pool, statement, externalId, { queryMs: 10_000 })
        const { payload, omitted } = buildPayload(row!)
        const onTheWire = JSON.parse(JSON.stringify(payload))
        const errors = validatePayload(onTheWire, externalId, createStore(), defaultSettings)
        if (errors.size > 0 || omitted.length > 0)
          wrong.push(JSON.stringify({ externalId, errors: [...errors], omitted, payload }))
        const [field, broken] = invalidate(onTheWire, wrong.length + ids.indexOf(externalId))
        if (validatePayload(broken, externalId, createStore(), defaultSettings).has(field)) rejectedByName++
        else wrong.push(`${field} is invalid, and was accepted: ${JSON.stringify(broken)}`)
      }
    }
    await pool.end()
    t.same(wrong.slice(0, 3), [], `FUZZ_SEED=${SEED}: ${wrong.length} of ${CASES}`)
    t.equal(rejectedByName, CASES)
  },
)

/** Makes one field of a payload invalid. @returns the dotted name of the field */
function invalidate(payload: { data: Record<string, unknown> }, which: number): [string, unknown] {
  const { data } = payload
  const ways: [string, unknown][] = [
    ['debt_account.balance', '100'],
    ['debt_account.balance', null],
    ['debt_account.balance', 12.5],
    ['debt_account.current_balance', 2 ** 53],
    ['debt_account.billing_type', 'one-time'],
    ['debt_account.payment_plan', []],
    ['debt_account.metadata.key', 5],
    ['debt_account.metadata.key', 'x'.repeat(256)],
    ['debt_account.locations', [1]],
    ['debt_account.external_account_number', 7],
    ...(data.customer
      ? ([
          ['customer.name', ''],
          ['customer.email', 'nobody'],
          ['customer.phone', '555-0100'],
          ['customer.date_of_birth', '1990-02-30'],
          ['customer.ssn_last4', 42],
          ['customer.address.city', 1],
          ['customer.address.is_primary', 'yes'],
        ] as [string, unknown][])
      : []),
    ...(data.location
      ? ([
          ['location.type', 'bank'],
          ['location.name', null],
        ] as [string, unknown][])
      : []),
    ...(data.child_debt_accounts
      ? ([
          ['child_debt_accounts.0.balance', '1'],
          ['child_debt_accounts.0.external_id', ''],
        ] as [string, unknown][])
      : []),
  ]
  const [path, value] = ways[which % ways.length]!
  const broken = structuredClone(payload)
  const keys = path.split('.')
  const last = keys.pop()!
  let container = broken.data as Record<string, unknown>
  for (const key of keys) {
    container[key] ??= {}
    container = container[key] as Record<string, unknown>
  }
  container[last] = value
  // An error of an item has the list's name as its prefix.
  return [path === 'debt_account.locations' ? 'debt_account.locations.0' : path, broken]
}
