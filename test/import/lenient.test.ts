/** Values that Tratta would reject are omitted, as in the lookup; with --strict they reject the row. */
import t from 'tap'
import { CENTS, rejected, startImporter } from './start-importer.ts'

t.jobs = 3

const HEAD =
  'external_id,balance,customer_external_id,customer_name,customer_email,customer_phone,location_external_id,location_name'

t.test(
  'invalid optional values are omitted and counted; money, ids and parents reject the row',
  async (t) => {
    const { event, load, accounts, database } = await startImporter(t)
    const head = `${HEAD},metadata.a,payment_plan.frequency,payment_plan.recurring_day,payment_plan.amount,parent_external_id`
    const text = [
      head,
      `1,100,c1,Ann,nobody,206-555-0143,l1,North,${'z'.repeat(300)},monthly,1st,x,`,
      '2,100,c2,Bob,bob@example.com,12,l1,North,b,sometimes,1st,5,1',
      '3,100,c2,Bob,bob@example.com,12,l1,North,b,,,,1',
    ].join('\n')
    const ended = await event(text, ...CENTS)
    t.match(ended, { loaded: true, rows_rejected: 0, rejected: [] })
    const omitted = [
      ['customer.email must be an e-mail address', 1, [2]],
      ['customer.phone must be a US phone number', 1, [3]],
      ['debt_account.metadata.* must be a text of 1 to 255 characters', 1, [2]],
      [
        'debt_account.payment_plan its debt_account.payment_plan.frequency must be one of weekly, every_other_week, monthly',
        1,
        [3],
      ],
      [
        'debt_account.payment_plan.amount must be whole cents, written like 123456 or -123456 (use --money dollars if the file has dollars)',
        1,
        [2],
      ],
    ] as const
    t.same(
      ended.omitted,
      omitted.map(([message, count, lines]) => ({
        message,
        count,
        examples: lines.map((line) => ({ line, external_id: String(line - 1) })),
      })),
    )
    t.match(await accounts(), [
      { external_id: '1', metadata: null, payment_plan: null },
      { external_id: '2', metadata: { a: 'b' }, payment_plan: null, parent_external_id: '1' },
      { external_id: '3' },
    ])
    t.match(await database.query('select external_id, email, phone from tratta_jit.customers order by 1'), [
      { external_id: 'c1', email: null, phone: '206-555-0143' },
      { external_id: 'c2', email: 'bob@example.com', phone: null },
    ])
    t.same(Object.keys(rejected(await event(text, ...CENTS, '--strict'))).length, 5)
    const { stdout } = await load(text, ...CENTS)
    t.match(stdout, '1 × omitted: customer.email must be an e-mail address\n            line 2 (1)\n')
    t.match(
      stdout,
      '  3 accounts, 2 of them children, 2 customers; balances: smallest $1.00, median $1.00, largest $1.00, total $3.00\n',
    )

    const fatal = [
      head,
      '1,x,,,,,,,,,,,',
      ',100,,,,,,,,,,,',
      `${'x'.repeat(256)},100,,,,,,,,,,,`,
      `2,100,,,,,,,,,,,${'x'.repeat(256)}`,
      `3,100,${'x'.repeat(256)},Ann,,,,,,,,,`,
      '4,100,,,,,,,,,,,nobody',
    ].join('\n')
    t.match(await event(fatal, ...CENTS), { loaded: false, rows_rejected: 6, omitted: [] })
  },
)

t.test('of a customer on several rows, the row with the most values is used', async (t) => {
  const { event, database, accounts } = await startImporter(t)
  const text = [
    HEAD,
    '1,100,c1,Ann,,,l1,North',
    '2,100,c1,Ann B,ann@example.com,206-555-0143,l1,North',
    '3,100,c1,Ann C,ann@example.org,206-555-0144,l1,Northern',
    '4,100,c1,,,,l1,',
  ].join('\n')
  const ended = await event(text, ...CENTS)
  t.match(ended, { loaded: true, rows_rejected: 0, omitted: [] })
  const message = (resource: string) =>
    `a ${resource} has different content on several rows: the row with the most values was used`
  t.same(ended.changed, [
    { message: message('customer'), count: 1, examples: [{ line: 3, external_id: null }] },
    { message: message('location'), count: 1, examples: [{ line: 4, external_id: null }] },
  ])
  t.same(
    await database.query(
      'select c.name, email, l.name as place from tratta_jit.customers c, tratta_jit.locations l',
    ),
    [{ name: 'Ann B', email: 'ann@example.com', place: 'North' }],
  )
  t.same(
    (await accounts()).map(({ customer_external_id }) => customer_external_id),
    ['c1', 'c1', 'c1', 'c1'],
  )
  t.match(rejected(await event(text, ...CENTS, '--strict')), {
    'customer.external_id appears more than once in the file, with different content': [2, 3, 4],
    'customer.name is missing': [5],
  })
  const accountTwice = 'external_id,balance\n9,1\n9,2\n'
  t.match(await event(accountTwice, ...CENTS), { loaded: false, rows_rejected: 2 })
})

t.test('a customer without id, or without name and unknown, is omitted', async (t) => {
  const { event, database } = await startImporter(t)
  await event(`${HEAD}\n1,100,c1,Ann,,,,\n`, ...CENTS)
  const text = `${HEAD}\n1,100,c1,,,206-555-0143,,\n2,100,c2,,,206-555-0143,,\n3,100,,Eve,,,,North\n`
  const ended = await event(text, ...CENTS)
  t.match(ended, { loaded: true, rows_rejected: 0 })
  t.same(ended.omitted, [
    { message: 'customer has no external_id', count: 1, examples: [{ line: 4, external_id: '3' }] },
    { message: 'customer has no name', count: 1, examples: [{ line: 3, external_id: '2' }] },
    { message: 'location has no external_id', count: 1, examples: [{ line: 4, external_id: '3' }] },
  ])
  t.same(
    await database.query('select external_id, customer_external_id from tratta_jit.debt_accounts order by 1'),
    [
      { external_id: '1', customer_external_id: 'c1' },
      { external_id: '2', customer_external_id: null },
      { external_id: '3', customer_external_id: null },
    ],
  )
  t.same(await database.query('select external_id, name from tratta_jit.customers'), [
    { external_id: 'c1', name: 'Ann' },
  ])
  t.match(await event(text, ...CENTS, '--strict'), { loaded: false, rows_rejected: 3 })
  t.match(
    await event('customer_external_id,customer_name\nc5,\nc6,Ann\n', ...CENTS),
    { rows_rejected: 1 },
    'a row that has only a customer must have its name',
  )
})

t.test('JSON has the same rules', async (t) => {
  const { event, accounts } = await startImporter(t)
  const lines = [
    '{"customer":{"external_id":"c","name":"A","ssn_last4":42,"address":{"zip":"1"},"phone":"206-555-0143 x1"},"debt_account":{"external_id":"1","balance":1,"metadata":{"a":{"b":1}}}}',
    '{"customer":{"name":"A"},"debt_accounts":[{"external_id":"2","balance":1,"billing_type":[1]}]}',
    '{"debt_account":{"external_id":"2026-01-02","balance":1}}',
    '{"debt_account":{"external_id":"3","balance":1},"dept":1}',
  ]
  const ended = await event(lines.slice(0, 2).join('\n'))
  t.match(ended, { loaded: true })
  t.same(
    (ended.omitted as { message: string }[]).map(({ message }) => message),
    [
      'customer has no external_id',
      'customer.address.zip is unknown: the known fields are name, line1, line2, city, postal_code, state, country, is_primary',
      'customer.ssn_last4 must be four digits',
      'debt_account.billing_type its debt_account.billing_type[*] must be a text that is not blank',
      'debt_account.metadata.* must be a text of 1 to 255 characters',
    ],
  )
  t.match(ended.changed, [{ message: 'the extension of a phone number was removed', count: 1 }])
  t.equal((await accounts()).length, 2)
  t.match(await event(lines.slice(2).join('\n')), { loaded: false, rows_rejected: 2 })
})
