/** Unusual bytes: read correctly, or rejected with a reason and a line. */
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { CENTS, nothingLoaded, rejected, startImporter } from './start-importer.ts'

t.test('NUL, other encodings, damaged gzip and empty files: nothing is loaded', async (t) => {
  const importer = await startImporter(t)
  const head = 'external_id,balance,customer_external_id,customer_name'
  const windows = Buffer.from(`${head}\n1,1,c1,Mar\xeda \x80\n2,2,c2,Ann\n`, 'latin1')
  t.match(rejected(await importer.event(windows, ...CENTS)), {
    'is not UTF-8 (use --encoding windows-1252 if the file comes from an older Windows system)': [2],
  })
  t.match(rejected(await importer.event(`${head}\n1,1,c1,An\0n\n`, ...CENTS)), {
    'contains a NUL byte: the file is damaged or is not text': [2],
  })
  const zipped = gzipSync(
    `${head}\n${Array.from({ length: 5000 }, (_, at) => `${at},${at * 7919},c${at},N${at}`).join('\n')}`,
  )
  for (const [content, message] of [
    [
      zipped.subarray(0, zipped.length - 500),
      'given: The gzip data ends too early: the file was not copied completely. Nothing is loaded.\n',
    ],
    [
      Buffer.concat([zipped.subarray(0, 2000), Buffer.alloc(2000, 7)]),
      'given: The gzip data is damaged: copy the file again. Nothing is loaded.\n',
    ],
    ['', 'given: The file is empty. Nothing is loaded.\n'],
    [' \n\n', 'given: The file is empty'],
    [
      'external_id;balance\n1;2\n',
      "The header has only one column. If the delimiter is another one, use --delimiter ';'.",
    ],
    ['"external_id,balance\n1,2\n', 'Line 1 (the header) has a quote that is not closed or not doubled'],
    ['\0\0\0,balance\n', 'Line 1 (the header) contains a NUL byte'],
  ] as const)
    t.match(await importer.load(content as Buffer, ...CENTS), { code: 1, stdout: /^$/, stderr: message })
  await nothingLoaded(t, importer)
  t.equal((await importer.load(windows, ...CENTS, '--encoding', 'windows-1252')).code, 0)
  t.match(await importer.database.query('select name from tratta_jit.customers order by 1'), [
    { name: 'Ann' },
    { name: 'María €' },
  ])
})

t.test(
  'values that Postgres would reject are rejected before the merge, without a value in the message',
  async (t) => {
    const importer = await startImporter(t)
    const event = await importer.event(
      'external_id,balance,payment_plan.frequency,payment_plan.recurring_day,payment_plan.amount\n' +
        'a\u2028b,1,,,\n"c\td",1,,,\ne,1,monthly,1st,1000000000000000\n',
      ...CENTS,
      '--strict',
    )
    t.same(rejected(event), {
      'debt_account.external_id must be an identifier of 1 to 255 characters without control characters': [3],
      'debt_account.external_id must be an identifier without line separators': [2],
      'debt_account.payment_plan.amount must be at most 999999999999999 cents': [4],
    })
    t.same(
      (event.rejected as { examples: object[] }[]).flatMap(({ examples }) => examples),
      [
        { line: 3, external_id: null, other_line: null },
        { line: 2, external_id: null, other_line: null },
        { line: 4, external_id: 'e', other_line: null },
      ],
      'an invalid id is not shown',
    )
    const largest =
      'external_id,balance,payment_plan.frequency,payment_plan.recurring_day,payment_plan.amount\n' +
      'g,1,monthly,1st,999999999999999\n'
    t.match(await importer.event(largest, ...CENTS), { loaded: true, rows_rejected: 0 })
    t.match(await importer.accounts(), [{ external_id: 'g', payment_plan: { amount: 999_999_999_999_999 } }])
    await importer.database.query(
      'delete from tratta_jit.debt_accounts; alter table tratta_jit.debt_accounts add column of_theirs text not null',
    )
    const { code, stdout, stderr } = await importer.load('external_id,balance\n1,100\n', ...CENTS)
    t.same([code, stdout], [1, ''])
    t.match(
      stderr,
      'given: Line 2: the database rejects this row by its rule of_theirs. Nothing is loaded.\n',
    )
  },
)

t.test(
  'JSON: inexact numbers, half surrogate pairs and truncated files are rejected; digits are kept',
  async (t) => {
    const importer = await startImporter(t)
    const account = (fields: string) => `{"debt_account":{"external_id":"1",${fields}}}`
    const lines = [
      account('"balance":12.5'),
      account('"balance":1e3'),
      account('"balance":9007199254740993'),
      account('"balance":"12.50"'),
      account('"balance":1,"metadata":{"a":"\\ud800"}'),
      account('"balance":1,"metadata":{"a":"\\u0000"}'),
      account('"balance":1,"metadata":{"a":{"b":1}}'),
      '{"debt_account":{"external_id":"1"',
      '[1]',
      '{"customer":{"external_id":"c","name":"A","ssn_last4":42},"debt_account":{"external_id":"1","balance":1}}',
      '{"debt_account":{"external_id":"1","balance":1},"dept":1}',
      '{"debt_accounts":[]}',
      '{"debt_account":{"external_id":"1","balance":1},"customer":{"external_id":"c","name":"A","address":{"zip":"1"}}}',
    ]
    t.same(rejected(await importer.event(lines.join('\n'), '--strict')), {
      'debt_account.balance must be a whole number of cents, without fraction and exponent': [1, 2, 3],
      'contains NUL or half of a surrogate pair': [5, 6],
      'debt_account.metadata.* must be a text of 1 to 255 characters': [7],
      'is not valid JSON': [8],
      'must be an object with customer, location and debt accounts': [9],
      'customer.ssn_last4 must be four digits': [10],
      'dept is unknown: the known fields are customer, location, debt_account, child_debt_accounts': [11],
      'has no debt account': [12],
      'customer.address.zip is unknown: the known fields are name, line1, line2, city, postal_code, state, country, is_primary':
        [13],
    })
    for (const [text, message] of [
      [
        '[{"debt_accounts":[{"external_id":"1","balance":1}]},',
        'The JSON array does not end: the file is cut off in the record that begins in line 1',
      ],
      ['[{"debt_accounts":[]}] []', 'Line 1: there is text after the end of the JSON array'],
      ['[]', 'The file is empty'],
    ] as const)
      t.match(await importer.load(text), { code: 1, stdout: /^$/, stderr: message })
    await nothingLoaded(t, importer)
    const exact = account(
      '"balance":9007199254740991,"metadata":{"a":12.50,"b":1e3,"c":true},"additional_fields":{"rate":0.10}',
    )
    t.equal((await importer.load(exact)).code, 0)
    t.match(
      await importer.database.query(
        'select balance, metadata, additional_fields::text from tratta_jit.debt_accounts',
      ),
      [
        {
          balance: '9007199254740991',
          metadata: { a: '12.50', b: '1000', c: '1' },
          additional_fields: '{"rate": 0.10}',
        },
      ],
    )
  },
)
