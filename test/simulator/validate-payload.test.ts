import t from 'tap'
import { startBoth } from '../support/simulator.ts'

const account = { external_id: 'debt-account-123', balance: 100 }
const customer = { external_id: 'customer-123', name: 'Test Customer' }
const location = { external_id: 'location-123', name: 'Test Location' }
const child = { external_id: 'debt-account-124', parent_external_id: 'debt-account-123', balance: 50 }

const must = {
  string: 'must be a string',
  integer: 'must be an integer',
  array: 'must be an array',
  boolean: 'must be true or false',
  email: 'must be a valid email address',
  phone: 'must be a valid number',
  date: 'must match the format Y-m-d',
  four: 'must be 4 digits',
  max: 'must not be greater than 255 characters',
} as const

/** Invalid values of every field, and the message for them. */
const invalid: [
  resource: 'customer' | 'location' | 'debt_account',
  field: string,
  word: keyof typeof must,
  unknown[],
][] = [
  ['customer', 'external_id', 'string', [null, '', 5, true, []]],
  ['customer', 'external_id', 'max', ['x'.repeat(256)]],
  ['customer', 'name', 'string', [5, {}, false]],
  [
    'customer',
    'email',
    'email',
    [null, '', 'nobody', 'a@', '@b.example', 'a b@c.example', 'a..b@c.example', 5],
  ],
  [
    'customer',
    'phone',
    'phone',
    [null, '', '555-1234', '1-800-FLOWERS', '+44 20 7946 0958', 4898992182, '+1-189-899-2182'],
  ],
  [
    'customer',
    'date_of_birth',
    'date',
    [null, '', '1990-1-1', '1990-02-30', '1990-13-01', '01/02/1990', '1990-01-01T00:00:00Z', 19900101],
  ],
  ['customer', 'ssn_last4', 'four', [null, '', 42, 999, 10000, -1234, 1234.5, '42', '12345', '123a', 1n]],
  ['customer', 'address', 'array', [null, '', 'Main Street', []]],
  ['customer', 'address.line1', 'string', [null, '', 5]],
  ['customer', 'address.is_primary', 'boolean', [null, '', 0, 'true']],
  ['customer', 'metadata', 'array', [null, '', [], 'score']],
  ['customer', 'metadata.score', 'string', [5, true, {}, []]],
  ['customer', 'metadata.score', 'max', ['x'.repeat(256)]],
  ['location', 'external_id', 'string', [null, '', 5]],
  ['location', 'name', 'string', [5, []]],
  ['location', 'metadata.score', 'string', [7]],
  ['debt_account', 'balance', 'integer', ['100', 100.5, true, [100], 2 ** 53]],
  ['debt_account', 'current_balance', 'integer', [null, '', '100', 100.5]],
  ['debt_account', 'external_account_number', 'string', [null, '', 12]],
  ['debt_account', 'billing_type', 'array', [null, '', 'one-time', {}]],
  ['debt_account', 'payment_plan', 'array', [null, '', 'weekly', []]],
  ['debt_account', 'payment_plan.amount', 'integer', [null, '100', 1.5]],
  ['debt_account', 'locations', 'array', [null, {}]],
  ['debt_account', 'metadata.rule', 'string', [1]],
]

t.test('an invalid field is an error under its name', async (t) => {
  const { trigger, agency, simulator, post } = await startBoth(t)

  for (const [resource, field, word, values] of invalid) {
    t.test(`${resource}.${field} ${must[word]}`, async (t) => {
      for (const value of values) {
        const [outer, inner] = field.split('.') as [string, string?]
        const sent: Record<string, unknown> = { customer, location, debt_account: account }
        sent[resource] = { ...(sent[resource] as object), [outer]: inner ? { [inner]: value } : value }
        // A bigint is sent as a number with a zero fraction.
        const text = JSON.stringify({ data: sent }, (_, one) => (typeof one === 'bigint' ? '1234.0!' : one))
        agency.respondWith(text.replace('"1234.0!"', '1234.0'))
        const answer = await post('/just-in-time/trigger', {
          form: { debt_account_external_id: 'debt-account-123' },
        })
        const path = `${resource}.${field}`
        const message = `The ${path.replaceAll('_', ' ')} field ${must[word]}.`
        t.equal(answer.status, 422)
        t.strictSame(answer.body.errors[path], [message], String(value))
        const also = Object.keys(answer.body.errors).filter((name) => name !== path)
        t.strictSame(also, [])
        t.equal(answer.body.message, message)
      }
    })
  }

  const selected = (path: string) => ({ [path]: [`The selected ${shown(path)} is invalid.`] })
  const required = (path: string) => ({ [path]: [`The ${shown(path)} field is required.`] })
  const shown = (path: string) => (/\d/.test(path) ? path : path.replaceAll('_', ' '))
  const whole: [title: string, data: unknown, errors: Record<string, string[]>][] = [
    ['nothing', undefined, required('data')],
    ['a null', null, required('data')],
    ['a list', [], { data: ['The data field must be an array.'] }],
    ['no account', { customer }, required('debt_account')],
    ['an account of null', { debt_account: null }, required('debt_account')],
    [
      'a customer of null',
      { customer: null, debt_account: account },
      { customer: ['The customer field must be an array.'] },
    ],
    [
      'no customer name',
      { customer: { external_id: 'c' }, debt_account: account },
      required('customer.name'),
    ],
    ['a blank name', { customer: { name: ' ' }, debt_account: account }, required('customer.name')],
    ['no location name', { location: { name: null }, debt_account: account }, required('location.name')],
    ['no balance', { debt_account: { external_id: 'debt-account-123' } }, required('debt_account.balance')],
    ['a null balance', { debt_account: { ...account, balance: null } }, required('debt_account.balance')],
    [
      'an unknown type of location',
      { location: { ...location, type: 'creditor' }, debt_account: account },
      selected('location.type'),
    ],
    [
      'an unknown frequency',
      { debt_account: { ...account, payment_plan: { frequency: 'daily' } } },
      selected('debt_account.payment_plan.frequency'),
    ],
    [
      'an unknown day',
      { debt_account: { ...account, payment_plan: { recurring_day: '2nd' } } },
      selected('debt_account.payment_plan.recurring_day'),
    ],
    [
      'another account than requested',
      { debt_account: { ...account, external_id: 'other' } },
      selected('debt_account.external_id'),
    ],
    [
      'an unknown uuid',
      { customer: { ...customer, uuid: 'c0000000-0000-4000-8000-000000000009' }, debt_account: account },
      selected('customer.uuid'),
    ],
    [
      'an unknown parent',
      { debt_account: { ...account, parent_external_id: 'nobody' } },
      selected('debt_account.parent_external_id'),
    ],
    [
      'a parent of null',
      { debt_account: { ...account, parent_external_id: null } },
      { 'debt_account.parent_external_id': ['The debt account.parent external id field must be a string.'] },
    ],
    [
      'its own parent',
      { debt_account: { ...account, parent_external_id: 'debt-account-123' } },
      selected('debt_account.parent_external_id'),
    ],
    [
      'a customer_id',
      { debt_account: { ...account, customer_id: 'c' } },
      { 'debt_account.customer_id': ['The debt account.customer id field is prohibited.'] },
    ],
    [
      'children that are not a list',
      { debt_account: account, child_debt_accounts: {} },
      { child_debt_accounts: ['The child debt accounts field must be an array.'] },
    ],
    [
      'a child that is not an object',
      { debt_account: account, child_debt_accounts: [child, 5] },
      { 'child_debt_accounts.1': ['The child_debt_accounts.1 field must be an array.'] },
    ],
    [
      'a child without a parent',
      { debt_account: account, child_debt_accounts: [{ ...child, parent_external_id: undefined }] },
      required('child_debt_accounts.0.parent_external_id'),
    ],
    [
      'a child of an unknown parent',
      { debt_account: account, child_debt_accounts: [{ ...child, parent_external_id: 'nobody' }] },
      selected('child_debt_accounts.0.parent_external_id'),
    ],
    [
      'the same child twice',
      { debt_account: account, child_debt_accounts: [child, child] },
      {
        'child_debt_accounts.1.external_id': [
          'The child_debt_accounts.1.external_id field has a duplicate value.',
        ],
      },
    ],
    [
      'a child that is its own ancestor',
      {
        debt_account: account,
        child_debt_accounts: [
          { ...child, parent_external_id: 'debt-account-125' },
          { ...child, external_id: 'debt-account-125', parent_external_id: 'debt-account-124' },
        ],
      },
      {
        ...selected('child_debt_accounts.0.parent_external_id'),
        ...selected('child_debt_accounts.1.parent_external_id'),
      },
    ],
    [
      'a child with a wrong balance',
      { debt_account: account, child_debt_accounts: [{ ...child, balance: '50' }] },
      { 'child_debt_accounts.0.balance': ['The child_debt_accounts.0.balance field must be an integer.'] },
    ],
    [
      'a child without identifiers',
      { debt_account: account, child_debt_accounts: [{ ...child, external_id: undefined }] },
      {
        'child_debt_accounts.0.external_id': [
          'The child_debt_accounts.0.external_id field is required when child_debt_accounts.0.uuid is not present.',
        ],
      },
    ],
    [
      'a wrong billing type',
      { debt_account: { ...account, billing_type: ['one-time', null] } },
      { 'debt_account.billing_type.1': ['The debt_account.billing_type.1 field must be a string.'] },
    ],
    [
      'a further location without a name',
      { debt_account: { ...account, locations: [{ type: 'product_type' }] } },
      required('debt_account.locations.0.name'),
    ],
    [
      'a long key',
      { customer: { ...customer, metadata: { ['k'.repeat(256)]: 'v' } }, debt_account: account },
      { 'customer.metadata': ['The customer.metadata field must not be greater than 255 characters.'] },
    ],
  ]
  for (const [title, data, errors] of whole) {
    t.test(`answers 422 for ${title}`, async (t) => {
      const answer = await trigger(data)
      t.equal(answer.status, 422)
      const messages = Object.values(errors).flat()
      const more = messages.length > 1 ? ` (and ${messages.length - 1} more error)` : ''
      t.strictSame(answer.body, { message: `${messages[0]}${more}`, errors })
    })
  }

  t.test('answers 422 with all errors at once', async (t) => {
    const answer = await trigger({
      location: { name: 5 },
      customer: { name: 'x', email: 'x', ssn_last4: 42 },
      debt_account: { external_id: 'debt-account-123', balance: '1' },
    })
    t.strictSame(answer.body, {
      message: 'The location.name field must be a string. (and 3 more errors)',
      errors: {
        'location.name': ['The location.name field must be a string.'],
        'customer.email': ['The customer.email field must be a valid email address.'],
        'customer.ssn_last4': ['The customer.ssn last4 field must be 4 digits.'],
        'debt_account.balance': ['The debt account.balance field must be an integer.'],
      },
    })
  })

  t.test('stores nothing of an invalid payload', async (t) => {
    const { customers, locations, debtAccounts } = simulator.store
    t.strictSame([customers.size, locations.size, debtAccounts.size], [0, 0, 0])
  })
})

t.test('100.0 and 1e2 are not integers; fractions in unknown fields are accepted', async (t) => {
  const { agency, post, simulator } = await startBoth(t)
  const trigger = () => post('/just-in-time/trigger', { form: { debt_account_external_id: '1' } })
  for (const number of ['100.0', '1e2', '1.5']) {
    agency.respondWith(`{"data":{"debt_account":{"external_id":"1","balance":${number}}}}`)
    const message = 'The debt account.balance field must be an integer.'
    t.strictSame((await trigger()).body, { message, errors: { 'debt_account.balance': [message] } })
  }
  agency.respondWith(
    '{"data":{"debt_account":{"external_id":"1","balance":100,"rate":{"amount":12.0,"apr":7.5}}}}',
  )
  t.equal((await trigger()).status, 200)
  t.strictSame(simulator.store.debtAccounts.get('1'), {
    uuid: 'a0000000-0000-4000-8000-000000000001',
    external_id: '1',
    balance: 100,
    rate: { amount: 12, apr: 7.5 },
  })
})
