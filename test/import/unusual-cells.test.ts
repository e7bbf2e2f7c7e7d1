/** Unusual CSV files: each row is loaded correctly, or rejected with a reason and its line. */
import t from 'tap'
import { CENTS, nothingLoaded, rejected, startImporter } from './start-importer.ts'

const DOLLARS = ['--money', 'dollars']

t.test(
  'BOM, CRLF, blanks, newlines and quotes in fields, several scripts, no line end at the end: loaded',
  async (t) => {
    const { load, database } = await startImporter(t)
    const names = [
      'María-José Núñez',
      '陳大文',
      'محمد',
      'Владимир',
      'श्रीमती',
      '👩‍👩‍👧 & Söhne',
      "O'Brien \\N \\t",
    ]
    const rows = names.map((name, at) =>
      `A-${at},100,C-${at}, "${name}" `.replace(' "', '"').replace('" ', '"'),
    )
    const text = `\ufeffexternal_id,balance,customer_external_id,customer_name\r\n${rows.join('\r\n')}\r\n B-1 , 5 ,C-9,"Two\r\nlines, and ""quotes"""`
    const { code, stdout, stderr } = await load(text, ...CENTS)
    t.same([code, stderr], [0, ''])
    t.match(stdout, 'loaded, 8 rows')
    t.same(
      await database.query('select name from tratta_jit.customers order by external_id'),
      [...names, 'Two\r\nlines, and "quotes"'].map((name) => ({ name })),
    )
    t.same(await database.query("select balance from tratta_jit.debt_accounts where external_id = 'B-1'"), [
      { balance: '5' },
    ])
  },
)

t.test(
  'rows with stray quotes or a wrong number of fields are rejected with their lines, and the others are loaded',
  async (t) => {
    const { event, database, path } = await startImporter(t)
    const long = 'x'.repeat(1024 * 1024)
    const text = [
      'external_id,balance,external_account_number',
      '1,100,"stray',
      '2,200,fine',
      '3,300',
      '4,400,a,b',
      `5,500,${long}`,
      '6,600,"a" b',
      ',,',
      '7,700,last',
    ].join('\n')
    const ended = await event(text, ...CENTS, '--keep-good', '--rejects', path('rejects.csv'))
    t.same(rejected(ended), {
      'has a quote that is not closed or not doubled: write a field with quotes as "like ""this"" one", or use --quote none if no field is quoted':
        [2, 7],
      'has 2 fields where the header has 3': [4],
      'has 4 fields where the header has 3': [5],
    })
    t.same(
      await database.query(
        'select external_id, length(external_account_number) from tratta_jit.debt_accounts order by 1',
      ),
      [
        { external_id: '2', length: 4 },
        { external_id: '5', length: long.length },
        { external_id: '7', length: 4 },
      ],
    )
  },
)

t.test('unknown, missing and duplicate columns: all are reported, and nothing is loaded', async (t) => {
  const importer = await startImporter(t)
  const { code, stdout, stderr } = await importer.load(
    'External ID,blance,name,city,balance,balance,Remarks,customer_email\n1,2,3,4,5,6,7,8',
    ...CENTS,
  )
  t.same([code, stdout], [1, ''])
  t.match(
    stderr,
    /given: Column "External ID" is unknown: is it "external_id"\? Map it to that name, or to null to omit it\n/,
  )
  for (const line of [
    'Column "blance" is unknown: is it "balance"?',
    'Column "name" is unknown: is it "customer_name"?',
    'Column "city" is unknown: is it "customer_address.city"?',
    'Column "balance#2" is a duplicate of "balance"',
    'Column "Remarks" is unknown',
    'Column "external_id" is missing',
    'Column "customer_external_id" is missing: "customer_email" requires it',
    'Column "customer_name" is missing: "customer_email" requires it',
    'Nothing is loaded.',
  ])
    t.match(stderr, line)
  await nothingLoaded(t, importer)
})

t.test('money: invalid amounts are rejected, and valid amounts keep their digits', async (t) => {
  const importer = await startImporter(t)
  const amounts = [
    '12.5',
    '1e3',
    '1,234.56',
    '$12',
    '(12.00)',
    '12abc',
    '',
    '12.345',
    '9007199254740992',
    '1 000',
    '-5',
    '0042',
  ]
  const text = `external_id,balance\n${amounts.map((amount, at) => `A-${at},"${amount}"`).join('\n')}`
  const expected =
    'debt_account.balance must be whole cents, written like 123456 or -123456 (use --money dollars if the file has dollars)'
  const inCents = await importer.event(text, ...CENTS, '--dry-run')
  t.match(inCents.rejected, [
    { message: expected, rows: 8 },
    { message: 'debt_account.balance is missing', examples: [{ line: 8, external_id: 'A-6' }] },
    {
      message: 'debt_account.balance must be a whole number of cents, at most 9007199254740991',
      examples: [{ line: 10 }],
    },
  ])
  const inDollars = await importer.event(text, ...DOLLARS, '--dry-run')
  t.match(inDollars.rejected, [
    {
      message: /^debt_account.balance must be dollars, written like 1234.56, -1234.56, /,
      rows: 4,
    },
    { message: 'debt_account.balance is missing' },
    { message: 'debt_account.balance must be a whole number of cents, at most 9007199254740991' },
  ])
  await nothingLoaded(t, importer)
  const good = 'external_id,balance,current_balance\na,9007199254740991,-5\nb,0042,0'
  t.equal((await importer.load(good, ...CENTS)).code, 0)
  t.match(await importer.accounts(), [
    { external_id: 'a', balance: '9007199254740991', current_balance: '-5' },
    { external_id: 'b', balance: '42', current_balance: '0' },
  ])
  const dollars = 'external_id,balance,current_balance\na,90071992547409.91,-0.05\nb,12.5,7\nc,0.29,1.1'
  t.equal((await importer.load(dollars, ...DOLLARS)).code, 0)
  t.match(await importer.accounts(), [
    { external_id: 'a', balance: '9007199254740991', current_balance: '-5' },
    { external_id: 'b', balance: '1250', current_balance: '700' },
    { external_id: 'c', balance: '29', current_balance: '110' },
  ])
  const withoutMoney = await importer.load(good)
  t.match(withoutMoney, {
    code: 2,
    stderr:
      'A CSV file needs --money cents or --money dollars, which says how its amounts are written. Run `tratta-jit help COMMAND`',
  })
})

t.test('ambiguous dates, SSN 42 and several errors in a row: all reasons are reported', async (t) => {
  const { event, database } = await startImporter(t)
  const head =
    'external_id,balance,customer_external_id,customer_name,customer_date_of_birth,customer_ssn_last4,customer_email'
  const text = `${head}\n1,1,c1,A,02/03/1990,42,nobody\n2,2,c2,B,1990-02-30,0042,\n3,x,c3,,31.12.1990,12345,\n`
  t.match((await event(text, ...CENTS, '--strict')).rejected, [
    {
      message: /^customer.date_of_birth must be a date written YYYY-MM-DD \(use --dates mdy or --dates dmy/,
      examples: [{ line: 2 }, { line: 4 }],
    },
    { message: 'customer.ssn_last4 must be four digits', examples: [{ line: 2 }, { line: 4 }] },
    { message: 'customer.date_of_birth must be a date written YYYY-MM-DD', examples: [{ line: 3 }] },
    { message: 'customer.email must be an e-mail address', examples: [{ line: 2 }] },
    { message: 'customer.name is missing', examples: [{ line: 4 }] },
    { message: /^debt_account.balance must be whole cents/, examples: [{ line: 4 }] },
  ])
  const good = `${head}\n1,1,c1,A,02/03/1990,0042,\n`
  for (const [dates, day] of [
    ['mdy', '1990-02-03'],
    ['dmy', '1990-03-02'],
  ] as const) {
    t.match(await event(good, ...CENTS, '--dates', dates), { loaded: true, rows_rejected: 0 })
    t.same(await database.query('select date_of_birth::text, ssn_last4 from tratta_jit.customers'), [
      { date_of_birth: day, ssn_last4: '0042' },
    ])
  }
  t.match(
    rejected(await event(good.replace('02/03/1990', '13/31/1990'), ...CENTS, '--dates', 'mdy', '--strict')),
    {
      'customer.date_of_birth must be a date written YYYY-MM-DD': [2],
    },
  )
})
