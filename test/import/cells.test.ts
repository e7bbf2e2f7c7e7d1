/** The values that spreadsheets, databases and people write into cells: read, omitted with a reason, or rejected. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { rejected, startImporter } from './start-importer.ts'

t.jobs = 3

const file = (name: string) => readFileSync(join(import.meta.dirname, 'cases', name))
const DOLLARS = ['--money', 'dollars']

const counts = (adjustments: unknown) =>
  Object.fromEntries(
    (adjustments as { message: string; count: number }[]).map(({ message, count }) => [message, count]),
  )

async function column(t: Test, name: string, value: string, ...options: string[]) {
  const importer = await startImporter(t)
  const event = await importer.event(file(name), ...DOLLARS, ...options)
  const rows = await importer.database.query(
    `select a.external_id as id, ${value} as value from tratta_jit.debt_accounts a
     left join tratta_jit.customers c on c.external_id = a.customer_external_id`,
  )
  const values = Object.fromEntries(rows.map(({ id, value }) => [String(id).replace('A-', ''), value]))
  return { importer, event, values }
}

t.test('dates', async (t) => {
  const { event, values } = await column(t, 'cells-dates.csv', 'c.date_of_birth::text', '--dates', 'mdy')
  const day = '1990-01-02'
  const read = Object.fromEntries([1, 2, 3, 4, 5, 6, 7].map((row) => [row, day]))
  t.same(values, { ...read, 8: null, 9: null, 10: null, 11: null, 12: null })
  t.same(counts(event.omitted), {
    'customer.date_of_birth must be a date of birth after 1900-01-01 and before today (--allow-suspicious loads it)': 2,
    'customer.date_of_birth must be a date written MM/DD/YYYY or YYYY-MM-DD': 1,
  })
  t.same(counts(event.changed), { 'a null marker was read as an empty cell': 2 })
  t.match(event.omitted, [{ examples: [{ line: 12, external_id: 'A-11' }, { line: 13 }] }, {}])
})

t.test('money', async (t) => {
  const { importer } = await column(t, 'cells-money.csv', 'a.balance')
  const rejects = importer.path('rejects.csv')
  const ended = await importer.event(file('cells-money.csv'), ...DOLLARS, '--keep-good', '--rejects', rejects)
  t.same(
    (await importer.accounts()).map(({ external_id, balance }) => [external_id, balance]),
    [
      ['A-1', '1250'],
      ['A-10', '-1200'],
      ['A-11', '-500'],
      ['A-2', '125010'],
      ['A-3', '1200'],
      ['A-4', '50'],
      ['A-5', '1200'],
      ['A-6', '1200'],
      ['A-7', '123456'],
      ['A-8', '123456'],
      ['A-9', '-123456'],
    ],
  )
  t.same(ended.rows_rejected, 4)
  const cells = [
    '"$ 1,234"',
    '($5)',
    '-$5.10',
    '0.000',
    '"1,234,567.8"',
    '(-5)',
    '--5',
    '$',
    '.',
    '1 000',
    '-',
    '5-%',
  ]
  const text = `external_id,balance\n${cells.map((cell, at) => `B-${at},${cell}`).join('\n')}\n`
  t.match(await importer.event(text, ...DOLLARS, '--dry-run'), { rows_rejected: 7 })
  const inCents = `external_id,balance\nC-1,"1,234"\nC-2,(5)\nC-3,5-\nC-4,$5\nC-5,5.00\nC-6,00000000\n`
  t.same(rejected(await importer.event(inCents, '--money', 'cents')), {
    'debt_account.balance must be whole cents, written like 123456 or -123456 (use --money dollars if the file has dollars)':
      [5, 6],
  })
})

t.test('phone numbers', async (t) => {
  const { event, values } = await column(t, 'cells-phones.csv', 'c.phone')
  const number = '206-555-0143'
  t.same(values, {
    1: '(206)555-0143',
    2: number,
    3: number,
    4: number,
    5: number,
    6: number,
    7: null,
    8: null,
  })
  t.same(counts(event.changed), {
    'the extension of a phone number was removed': 1,
    'the first of two phone numbers was used': 1,
  })
  t.same(counts(event.omitted), {
    'customer.phone must be a US phone number': 1,
    'customer.phone must have different digits (--allow-suspicious loads it)': 1,
  })
})

t.test('SSNs: nine digits are neither stored nor printed', async (t) => {
  const { importer, event, values } = await column(t, 'cells-ssn.csv', 'c.ssn_last4')
  t.same(values, { 1: '0042', 2: null, 3: '0042', 4: '0042', 5: '0042', 6: null })
  t.same(counts(event.changed), { 'an SSN was shortened to its last four digits': 3 })
  t.same(counts(event.omitted), {
    'customer.ssn_last4 must be four digits': 1,
    'customer.ssn_last4 must not be 0000 (--allow-suspicious loads it)': 1,
  })
  const rejects = importer.path('rejects.csv')
  const head =
    'external_id,balance,customer_external_id,customer_name,customer_ssn_last4,metadata.SSN,Social Security\n'
  const { writeFileSync } = await import('node:fs')
  writeFileSync(importer.path('map.json'), '{"Social Security":null}')
  const ended = await importer.load(
    `${head}1,x,c1,Ann,900-55-0042,900550042,"900 55 0042"\n2,x,c2,Bob,900550042\n3,1,"c3,Eve,900-55-0042,1,900550042\n4,1,c4,Dan,900550042,900-55-0042,900550042\n`,
    ...DOLLARS,
    '--map',
    importer.path('map.json'),
    '--keep-good',
    '--rejects',
    rejects,
  )
  t.equal(ended.code, 3)
  const tables = JSON.stringify(
    await importer.database.query(
      'select a::text as a, c::text as c from tratta_jit.debt_accounts a left join tratta_jit.customers c on true',
    ),
  )
  const written = readFileSync(rejects, 'utf8')
  t.match(written, '1,x,c1,Ann,0042,0042,"0042"')
  const json = await importer.event(
    '{"customer":{"external_id":"j","name":"Jo","ssn_last4":"900-55-0042","ssn":900550042},"debt_account":{"external_id":"J","balance":1}}',
  )
  t.match(json, { loaded: true })
  const stored = JSON.stringify(
    await importer.database.query("select * from tratta_jit.customers where external_id = 'j'"),
  )
  t.match(stored, /"ssn_last4":"0042"/)
  for (const text of [tables, written, stored, ended.stdout, ended.stderr]) t.notMatch(text, /900.?55.?0042/)
})

t.test('null markers', async (t) => {
  const { importer, event } = await column(t, 'null-markers.csv', 'c.name')
  t.match(event, { loaded: true, rows_rejected: 0, customers: { added: 0 } })
  t.same(counts(event.changed), { 'a null marker was read as an empty cell': 5 })
  t.same(counts(event.omitted), { 'customer has no name': 1 })
  t.same(await importer.event(file('null-parent.csv'), ...DOLLARS).then(({ loaded }) => loaded), true)
  t.match(await importer.accounts(), [
    {
      external_id: 'A-1',
      parent_external_id: null,
      external_account_number: null,
      customer_external_id: null,
    },
    { external_id: 'A-2', parent_external_id: null, external_account_number: null },
    { external_id: 'A-3' },
  ])
  const own = 'external_id,balance,current_balance,external_account_number\nB-1,1,missing,NULL\n'
  t.match(await importer.event(own, ...DOLLARS, '--null-values', 'missing,?'), { loaded: true })
  t.match((await importer.accounts()).at(-1), { current_balance: null, external_account_number: 'NULL' })
  t.match(
    await importer.event(
      '{"customer":{"external_id":"NULL","name":"N/A"},"debt_account":{"external_id":"J","balance":1}}',
    ),
    { loaded: true, customers: { added: 0 } },
  )
})
