/** From the row of the lookup to the payload, its omitted fields, and the errors of an account that cannot be sent. */
import t from 'tap'
import type {
  AccountRow,
  ChildRow,
  CustomerRow,
  DebtAccountRow,
  LocationRow,
} from '../../src/database/account-row.ts'
import { COLUMNS, CUSTOMER, LOCATION } from '../../src/database/columns.ts'
import { buildPayload, buildPayloadSteps } from '../../src/payload/build-payload.ts'

/** A row with null in each column that is not given. */
const rowOf = <Row>(columns: object, values: Partial<Row>) =>
  ({ ...Object.fromEntries(Object.keys(columns).map((column) => [column, null])), ...values }) as Row
const account = (values: Partial<DebtAccountRow> = {}) =>
  rowOf<DebtAccountRow>(COLUMNS.debt_accounts, { external_id: 'a', balance: '5', ...values })
const customer = (values: Partial<CustomerRow> = {}) =>
  rowOf<CustomerRow>(CUSTOMER, { external_id: 'c', name: 'Ann', ...values })
const location = (values: Partial<LocationRow> = {}) =>
  rowOf<LocationRow>(LOCATION, { external_id: 'l', name: 'Clinic', ...values })
const child = (
  values: Partial<DebtAccountRow> = {},
  ownLocation: ChildRow['ownLocation'] = [],
): ChildRow => ({
  row: account({ external_id: 'a-1', parent_external_id: 'a', ...values }),
  ownLocation,
})
const built = (row: Partial<AccountRow>) =>
  buildPayload({
    debt_account: account(),
    parentCustomers: [],
    customer: null,
    location: null,
    children: undefined,
    ...row,
  })
const A = { external_id: 'a', balance: 5 }
const A1 = { external_id: 'a-1', parent_external_id: 'a', balance: 5 }

t.test('every column becomes a field', async (t) => {
  const metadata = { 'a/b~c': 'x', number: 7 }
  const sentMetadata = { 'a/b~c': 'x', number: '7' }
  const { payload, omitted } = built({
    location: location({ type: 'product_type', metadata, additional_fields: { note: 'n', empty: '' } }),
    customer: customer({
      email: 'ann@example.com',
      phone: '2065550142',
      date_of_birth: '1990-01-31 00:00:00',
      ssn_last4: '0042',
      address: { city: 'Tacoma', line2: '' },
      metadata,
      additional_fields: { language: 'es' },
    }),
    debt_account: account({
      parent_external_id: 'p',
      external_account_number: 'N-1',
      billing_type: 'one-time',
      current_balance: '4.00',
      locations: [{ name: 'Lab' }],
      payment_plan: { frequency: 'weekly', recurring_day: 'Friday', amount: 100 },
      metadata,
      additional_fields: { status: 'open' },
    }),
    children: [child()],
  })
  t.strictSame(payload, {
    data: {
      location: { external_id: 'l', name: 'Clinic', type: 'product_type', metadata: sentMetadata, note: 'n' },
      customer: {
        external_id: 'c',
        name: 'Ann',
        email: 'ann@example.com',
        phone: '2065550142',
        date_of_birth: '1990-01-31',
        ssn_last4: '0042',
        address: { city: 'Tacoma' },
        metadata: sentMetadata,
        language: 'es',
      },
      debt_account: {
        external_id: 'a',
        parent_external_id: 'p',
        external_account_number: 'N-1',
        billing_type: ['one-time'],
        balance: 5,
        current_balance: 4,
        locations: [{ name: 'Lab' }],
        payment_plan: { frequency: 'weekly', recurring_day: 'friday', amount: 100 },
        metadata: sentMetadata,
        status: 'open',
      },
      child_debt_accounts: [A1],
    },
  })
  t.strictSame(omitted, [])
})

t.test('null columns, an absent customer, location and children are not sent', async (t) => {
  t.strictSame(built({}), { payload: { data: { debt_account: A } }, omitted: [] })
  t.strictSame(built({ customer: customer(), location: location(), children: [] }), {
    payload: {
      data: {
        location: { external_id: 'l', name: 'Clinic' },
        customer: { external_id: 'c', name: 'Ann' },
        debt_account: A,
      },
    },
    omitted: [],
  })
})

t.test('invalid optional fields are omitted, each with its kind and the rule', async (t) => {
  const text = 'must be a text of 1 to 255 characters'
  const long = 'x'.repeat(256)
  for (const [row, sent, omitted] of [
    [
      { customer: customer({ email: 'ann@', phone: '1', date_of_birth: '1900-02-29', ssn_last4: '42' }) },
      { customer: { external_id: 'c', name: 'Ann' }, debt_account: A },
      [
        ['customer.email', 'customer.email', 'must be an e-mail address'],
        ['customer.phone', 'customer.phone', 'must be a US phone number'],
        ['customer.date_of_birth', 'customer.date_of_birth', 'must be a date written YYYY-MM-DD'],
        ['customer.ssn_last4', 'customer.ssn_last4', 'must be four digits'],
      ],
    ],
    [
      { customer: customer({ address: { city: 7, is_primary: 'yes' } }) },
      { customer: { external_id: 'c', name: 'Ann' }, debt_account: A },
      [
        ['customer.address.city', 'customer.address.city', 'must be a text that is not blank'],
        ['customer.address.is_primary', 'customer.address.is_primary', 'must be true or false'],
        [
          'customer.address',
          'customer.address',
          'must be an object with name, line1, line2, city, postal_code, state, country, is_primary',
        ],
      ],
    ],
    [
      {
        debt_account: account({
          metadata: { 'a/b': [1], 'c~d': long, '~1': {}, fine: 'x', 'e~1f/g': { h: 1 } },
        }),
      },
      { debt_account: { ...A, metadata: { fine: 'x' } } },
      [
        ['debt_account.metadata.a/b', 'debt_account.metadata.*', text],
        ['debt_account.metadata.c~d', 'debt_account.metadata.*', text],
        ['debt_account.metadata.e~1f/g', 'debt_account.metadata.*', text],
      ],
    ],
    [
      { debt_account: account({ metadata: { '': 'x', [`${long}/~`]: 'y', z: 'z' } }) },
      { debt_account: { ...A, metadata: { z: 'z' } } },
      [
        ['debt_account.metadata.', 'debt_account.metadata.*', 'must have a key of 1 to 255 characters'],
        [
          `debt_account.metadata.${long}/~`,
          'debt_account.metadata.*',
          'must have a key of 1 to 255 characters',
        ],
      ],
    ],
    [
      { location: location({ metadata: { a: long } }) },
      { location: { external_id: 'l', name: 'Clinic' }, debt_account: A },
      [
        ['location.metadata.a', 'location.metadata.*', text],
        ['location.metadata', 'location.metadata', 'must be an object of texts, keys of 1 to 255 characters'],
      ],
    ],
    [
      { location: location({ metadata: 'text', type: 'bank' }) },
      { location: { external_id: 'l', name: 'Clinic' }, debt_account: A },
      [
        [
          'location.type',
          'location.type',
          'must be one of original_creditor, current_creditor, product_type',
        ],
        ['location.metadata', 'location.metadata', 'must be an object of texts, keys of 1 to 255 characters'],
      ],
    ],
    [
      {
        debt_account: account({
          billing_type: [1],
          locations: [
            { name: 'A', type: 'bank' },
            { name: 'B', external_id: 'b\n' },
          ],
          payment_plan: { frequency: 'daily', recurring_day: '2nd' },
        }),
      },
      { debt_account: { ...A, locations: [{ name: 'A' }, { name: 'B' }] } },
      [
        [
          'debt_account.billing_type',
          'debt_account.billing_type',
          'its debt_account.billing_type[0] must be a text that is not blank',
        ],
        [
          'debt_account.locations[0].type',
          'debt_account.locations[*].type',
          'must be one of original_creditor, current_creditor, product_type',
        ],
        [
          'debt_account.locations[1].external_id',
          'debt_account.locations[*].external_id',
          'must be an identifier of 1 to 255 characters without control characters',
        ],
        [
          'debt_account.payment_plan',
          'debt_account.payment_plan',
          'its debt_account.payment_plan.amount is missing',
        ],
      ],
    ],
    [
      { debt_account: account({ locations: [{ type: 'product_type' }] }) },
      { debt_account: A },
      [['debt_account.locations', 'debt_account.locations', 'its debt_account.locations[0].name is missing']],
    ],
    [
      { customer: customer({ name: null }), location: location({ external_id: 'l\n' }) },
      { debt_account: A },
      [
        [
          'location',
          'location',
          'its location.external_id must be an identifier of 1 to 255 characters without control characters',
        ],
        ['customer', 'customer', 'its customer.name is missing'],
      ],
    ],
    [
      {
        customer: customer({
          additional_fields: JSON.parse('{"name": "X", "__proto__": {"a": 1}, "b": "c"}'),
        }),
        debt_account: account({ additional_fields: [1] }),
        location: location({ additional_fields: 'text' }),
      },
      {
        location: { external_id: 'l', name: 'Clinic' },
        customer: { external_id: 'c', name: 'Ann', b: 'c' },
        debt_account: A,
      },
      [
        ['location.additional_fields', 'location.additional_fields', 'must be an object'],
        ['customer.additional_fields.name', 'customer.additional_fields.*', 'must come from its own column'],
        [
          'customer.additional_fields.__proto__',
          'customer.additional_fields.*',
          'must come from its own column',
        ],
        ['debt_account.additional_fields', 'debt_account.additional_fields', 'must be an object'],
      ],
    ],
  ] as const) {
    const result = built(row as Partial<AccountRow>)
    t.strictSame(result.payload.data, sent)
    t.strictSame(
      result.omitted,
      omitted.map(([field, kind, reason]) => ({ field, kind, reason })),
    )
  }
})

t.test("children: another customer's is omitted, one without a customer is sent", async (t) => {
  const family = (parentCustomer: string | null, ...customers: (string | null)[]) => {
    const { payload, omitted } = built({
      debt_account: account({ customer_external_id: parentCustomer }),
      children: customers.map((customer_external_id, at) =>
        child({ external_id: `a-${at}`, customer_external_id }),
      ),
    })
    return [payload.data.child_debt_accounts?.map(({ external_id }) => external_id), omitted]
  }
  const omitted = (id: string) => ({
    field: `child_debt_accounts[external_id=${id}]`,
    kind: 'child_debt_accounts[*]',
    reason: 'belongs to another customer',
  })
  t.strictSame(family('c', 'c', 'other', null), [['a-0', 'a-2'], [omitted('a-1')]])
  t.strictSame(family(null, 'other', null), [['a-1'], [omitted('a-0')]])
  t.strictSame(family('c', 'other'), [undefined, [omitted('a-0')]])
})

t.test('the position of a child in `omitted` is its position in the payload', async (t) => {
  const { omitted } = built({
    debt_account: account({ customer_external_id: 'c' }),
    children: [child({ customer_external_id: 'other' }), child({ metadata: { a: [1] } })],
  })
  t.strictSame(
    omitted.map(({ field, kind }) => [field, kind]),
    [
      ['child_debt_accounts[external_id=a-1]', 'child_debt_accounts[*]'],
      ['child_debt_accounts[0].metadata.a', 'child_debt_accounts[*].metadata.*'],
      ['child_debt_accounts[0].metadata', 'child_debt_accounts[*].metadata'],
    ],
  )
})

t.test("a child's own location is added to its locations", async (t) => {
  const lab = { external_id: 'lab', name: 'Lab', type: 'product_type' }
  const locationsOf = (
    values: Partial<DebtAccountRow>,
    ownLocation: ChildRow['ownLocation'] = [lab],
    parent: Partial<DebtAccountRow> = { location_external_id: 'home' },
  ) => {
    const { payload, omitted } = built({
      debt_account: account(parent),
      children: [child({ location_external_id: 'lab', ...values }, ownLocation)],
    })
    return [
      payload.data.child_debt_accounts?.[0]?.locations,
      omitted.map(({ field, reason }) => [field, reason]),
    ]
  }
  t.strictSame(locationsOf({}), [[lab], []])
  t.strictSame(locationsOf({}, [{ ...lab, type: null }]), [[{ external_id: 'lab', name: 'Lab' }], []])
  t.strictSame(
    locationsOf({ locations: [{ name: 'X' }] }),
    [[{ name: 'X' }, lab], []],
    'after the other ones',
  )
  t.strictSame(locationsOf({ locations: [{ name: 'X', external_id: 'lab' }] }), [
    [{ name: 'X', external_id: 'lab' }],
    [],
  ])
  t.strictSame(
    locationsOf({}, [lab], { location_external_id: 'lab' }),
    [undefined, []],
    "the parent's location",
  )
  t.strictSame(locationsOf({ location_external_id: null }), [undefined, []])
  t.strictSame(locationsOf({}, []), [undefined, []], 'a location that does not exist')
  t.strictSame(locationsOf({}, [lab, lab]), [
    undefined,
    [['child_debt_accounts[0].locations', 'its own location exists twice']],
  ])
  t.strictSame(locationsOf({ locations: { a: 1 } }), [
    undefined,
    [['child_debt_accounts[0].locations', 'must be a list of locations']],
  ])
})

t.test('an account that cannot be sent is an error that names the field and no value', async (t) => {
  const id = 'must be an identifier of 1 to 255 characters without control characters'
  const cents = 'must be a whole number of cents, at most 9007199254740991'
  for (const [row, field, reason] of [
    [{ debt_account: account({ balance: null }) }, 'debt_account.balance', 'is missing'],
    [{ debt_account: account({ balance: '1.5' }) }, 'debt_account.balance', cents],
    [{ debt_account: account({ external_id: null }) }, 'debt_account.external_id', 'is missing'],
    [{ debt_account: account({ external_id: 'a\n' }) }, 'debt_account.external_id', id],
    [{ debt_account: account({ parent_external_id: 'p\n' }) }, 'debt_account.parent_external_id', id],
    [{ debt_account: account({ current_balance: 'x' }) }, 'debt_account.current_balance', cents],
    [{ children: [child(), child({ balance: null })] }, 'child_debt_accounts[1].balance', 'is missing'],
    [
      { children: [child({ parent_external_id: null })] },
      'child_debt_accounts[0].parent_external_id',
      'is missing',
    ],
    [{ children: [child({ current_balance: '1.5' })] }, 'child_debt_accounts[0].current_balance', cents],
    [
      { debt_account: account({ customer_external_id: 'other' }), parentCustomers: ['c', 'other'] },
      'debt_account.parent_external_id',
      'refers to an account of another customer',
    ],
  ] as const)
    t.throws(
      () => built(row as Partial<AccountRow>),
      { message: `${field} ${reason}`, field, kind: field.replace(/\[\d\]/, '[*]') },
      field,
    )
  t.strictSame(
    built({ debt_account: account({ customer_external_id: 'c' }), parentCustomers: ['c', null] }).payload
      .data,
    { debt_account: A },
    'a parent of the same customer, or without a customer',
  )
})

t.test('the work pauses after each child and each error', async (t) => {
  const metadata = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [at, [at]]))
  const steps = buildPayloadSteps({
    debt_account: account({ metadata }),
    parentCustomers: [],
    customer: customer({ address: { city: 1, state: 1 } }),
    location: location({ metadata }),
    children: Array.from({ length: 20 }, () => child({ metadata: { a: [1] } })),
  })
  const pauses = [...steps].length
  t.ok(pauses >= 50 + 50 + 20 + 20 + 3, `${pauses} pauses`)
})
