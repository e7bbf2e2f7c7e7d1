/** The rules of each field: valid and invalid values at their boundaries. Sources: the pages that contract.ts names. */
import { Value } from '@sinclair/typebox/value'
import t from 'tap'
import {
  ChildDebtAccount,
  Customer,
  DebtAccount,
  isMetadataKey,
  JitPayload,
  Location,
} from '../src/contract.ts'

const ids = {
  valid: ['1', 'a b', ' a', 'x'.repeat(255), '😀'.repeat(255), '陳', '#%/?'],
  invalid: [
    '',
    ' ',
    '\u00a0',
    'x'.repeat(256),
    '😀'.repeat(256),
    'a\nb',
    'a\0',
    '\u007fa',
    'a\u0085',
    7,
    null,
  ],
}
const texts = {
  valid: ['a', ' a ', '\na', 'x'.repeat(10_000)],
  invalid: ['', ' ', '\n\t', 1, true, null, ['a']],
}
const cents = {
  valid: [0, -0, 1, -1, 9007199254740991, -9007199254740991],
  invalid: [0.5, 9007199254740992, -9007199254740992, Number.NaN, '1', null, true],
}
const locationTypes = {
  valid: ['original_creditor', 'current_creditor', 'product_type'],
  invalid: [
    '',
    'Original_creditor',
    'original_creditor ',
    'xproduct_type',
    'product_types',
    'creditor',
    1,
    null,
  ],
}
const metadata = {
  valid: [
    { a: 'b' },
    { ' ': 'b' },
    { ['k'.repeat(255)]: 'v'.repeat(255) },
    { a: '😀'.repeat(255) },
    { 'a/b~c': ' x ', '\n': 'y' },
  ],
  invalid: [
    {},
    { a: '' },
    { a: ' ' },
    { a: 'v'.repeat(256) },
    { a: '😀'.repeat(256) },
    { ['k'.repeat(256)]: 'v' },
    { '': 'v' },
    { a: 1 },
    { a: null },
    { a: 'b', c: ['d'] },
    [],
    'a',
  ],
}
const label = (length: number) => `a${'b'.repeat(length - 2)}c`
/** An address of this length, with labels of at most 63 characters. */
const email = (length: number) => `${'x'.repeat(length - 130)}@${label(61)}.${label(63)}.com`
const emails = {
  valid: [
    'a@b.co',
    "o'neil+x.y@x-y.example.org",
    'A_1@9a.COM',
    `a@${label(63)}.com`,
    `a@b.${label(63)}`,
    email(254),
  ],
  invalid: [
    ...[
      '',
      'a',
      'a@',
      '@b.co',
      'a@b',
      'a@b.c',
      'a b@c.co',
      'a@b..co',
      '.a@b.co',
      'a.@b.co',
      'a..b@c.co',
      'a@-b.co',
    ],
    ...['a@b-.co', 'a@b.1a', 'a@b.a-', 'a@b.co ', ' a@b.co', 'a@b@c.co', 'é@b.co', `a@${label(64)}.com`],
    ...[`a@b.${label(64)}`, email(255), 'x@y.co\n', null],
  ],
}
const phones = {
  valid: [
    '2065550142',
    '(206) 555-0142',
    '206.555.0142',
    '+1 206 555 0142',
    '1-206-555-0142',
    '+12065550142',
  ],
  invalid: [
    '',
    '555-0142',
    '1065550142',
    '2061550142',
    '+49 30 901820',
    '206555014',
    '20655501422',
    '++12065550142',
  ],
}
const dates = {
  valid: [
    '1990-01-01',
    '0001-01-01',
    '9999-12-31',
    '2000-02-29',
    '2024-02-29',
    '1984-02-29',
    '2023-04-30',
    '2023-12-31',
  ],
  invalid: [
    ...[
      '1900-02-29',
      '2023-02-29',
      '2100-02-29',
      '2000-02-30',
      '1990-02-30',
      '2023-04-31',
      '2023-06-31',
      '2023-09-31',
    ],
    ...[
      '2023-11-31',
      '2023-01-32',
      '2023-13-01',
      '2023-00-01',
      '2023-01-00',
      '0000-01-01',
      '1990-1-1',
      '19900101',
    ],
    ...['1990-01-01T00:00:00', ' 1990-01-01', '11990-01-01', '', 19900101, null],
  ],
}
const plan = (more: object = {}) => ({ frequency: 'weekly', recurring_day: 'monday', amount: 1, ...more })
const address = {
  valid: [
    { name: 'a' },
    { line1: 'a', line2: 'b', city: 'c', postal_code: '1', state: 'd', country: 'e' },
    { is_primary: false },
  ],
  invalid: [
    {},
    ...['name', 'line1', 'line2', 'city', 'postal_code', 'state', 'country'].flatMap((key) => [
      { [key]: '' },
      { [key]: 1 },
    ]),
    { is_primary: 'true' },
    [],
    null,
  ],
}

const CUSTOMER = { external_id: 'c', name: 'Ann' }
const LOCATION = { external_id: 'l', name: 'Clinic' }
const ACCOUNT = { external_id: 'a', balance: 1 }

for (const [name, schema, minimum, fields] of [
  ['location', Location, LOCATION, { external_id: ids, name: texts, type: locationTypes, metadata }],
  [
    'customer',
    Customer,
    CUSTOMER,
    {
      external_id: ids,
      name: texts,
      email: emails,
      phone: phones,
      date_of_birth: dates,
      ssn_last4: {
        valid: [1000, 9999, '0000', '0999', '1234'],
        invalid: [999, 10_000, 1234.5, '042', '00421', 'x042', null],
      },
      address,
      metadata,
    },
  ],
  [
    'debt_account',
    DebtAccount,
    ACCOUNT,
    {
      external_id: ids,
      parent_external_id: ids,
      external_account_number: texts,
      billing_type: { valid: [['one-time'], ['a', 'anything']], invalid: [[], [''], [1], 'one-time', null] },
      balance: cents,
      current_balance: cents,
      locations: {
        valid: [[{ name: 'A' }], [{ name: 'A', external_id: 'x', type: 'product_type' }, { name: 'B' }]],
        invalid: [
          [],
          [{}],
          [{ name: '' }],
          [{ name: 'A', external_id: '' }],
          [{ name: 'A', type: 'x' }],
          {},
          null,
        ],
      },
      payment_plan: {
        valid: [
          ...['weekly', 'every_other_week', 'monthly'].map((frequency) => plan({ frequency })),
          ...[
            'monday',
            'tuesday',
            'wednesday',
            'thursday',
            'friday',
            'saturday',
            'sunday',
            '1st',
            '15th',
            'last_day',
          ].map((recurring_day) => plan({ recurring_day })),
          plan({ amount: 0 }),
          plan({ amount: 9007199254740991 }),
        ],
        invalid: [
          plan({ frequency: 'daily' }),
          plan({ recurring_day: 'Monday' }),
          plan({ recurring_day: '2nd' }),
          plan({ recurring_day: 'xmonday' }),
          plan({ recurring_day: '1stx' }),
          plan({ amount: -1 }),
          plan({ amount: 0.5 }),
          plan({ amount: 9007199254740992 }),
          plan({ amount: '1' }),
          { frequency: 'weekly', recurring_day: 'monday' },
          null,
        ],
      },
      metadata,
    },
  ],
] as const)
  for (const [field, { valid, invalid }] of Object.entries(fields))
    t.test(`${name}.${field}`, async (t) => {
      const check = (value: unknown) => Value.Check(schema, { ...minimum, [field]: value })
      for (const value of valid) t.ok(check(value), `valid: ${JSON.stringify(value).slice(0, 60)}`)
      for (const value of invalid) t.notOk(check(value), `invalid: ${JSON.stringify(value)?.slice(0, 60)}`)
    })

t.test('required fields', async (t) => {
  for (const [schema, minimum] of [
    [Location, LOCATION],
    [Customer, CUSTOMER],
    [DebtAccount, ACCOUNT],
    [ChildDebtAccount, { ...ACCOUNT, parent_external_id: 'p' }],
    [JitPayload, { data: { debt_account: ACCOUNT } }],
  ] as const) {
    t.ok(Value.Check(schema, minimum))
    for (const field of Object.keys(minimum))
      t.notOk(Value.Check(schema, { ...minimum, [field]: undefined }), `without ${field}`)
  }
  t.notOk(Value.Check(JitPayload, { data: { debt_account: ACCOUNT, child_debt_accounts: [] } }))
})

t.test('isMetadataKey', async (t) => {
  for (const key of ['a', ' ', 'k'.repeat(255)]) t.ok(isMetadataKey(key))
  for (const key of ['', 'k'.repeat(256)]) t.notOk(isMetadataKey(key))
})

t.test('every description completes "must be …"', async (t) => {
  const descriptions = (schema: { [key: string]: unknown }): string[] =>
    Object.entries(schema).flatMap(([key, value]) => {
      if (key === 'description') return [String(value)]
      return typeof value === 'object' && value !== null
        ? descriptions(value as { [key: string]: unknown })
        : []
    })
  t.same(new Set([Location, Customer, ChildDebtAccount].flatMap(descriptions)), new Set(DESCRIPTIONS))
})

const DESCRIPTIONS = [
  'a location',
  'a customer',
  'a debt account that names its parent',
  'a payment plan',
  'an identifier of 1 to 255 characters without control characters',
  'a text that is not blank',
  'one of original_creditor, current_creditor, product_type',
  'one of weekly, every_other_week, monthly',
  'an object of texts, keys of 1 to 255 characters',
  'a text of 1 to 255 characters',
  'an e-mail address',
  'a US phone number',
  'a date written YYYY-MM-DD',
  'four digits',
  'an object with name, line1, line2, city, postal_code, state, country, is_primary',
  'true or false',
  'a list of texts',
  'a list of locations',
  'a whole number of cents, at most 9007199254740991',
  'a whole number of cents, 0 or more',
  'a weekday, 1st, 15th or last_day',
]
