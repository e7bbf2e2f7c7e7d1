/** The files of one command are imported as if they were one file. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { CENTS, startImporter, tablesOf } from './start-importer.ts'

t.jobs = 2

const read = (name: string) => readFileSync(join(import.meta.dirname, 'cases', name), 'utf8')
const CUSTOMERS = read('customers-only.csv')
const ACCOUNTS = read('accounts-only.csv')

for (const order of [
  ['customers.csv', 'accounts.csv'],
  ['accounts.csv', 'customers.csv'],
])
  t.test(`import of ${order.join(' and ')}`, { buffered: true }, async (t) => {
    const { command, path, database } = await startImporter(t)
    writeFileSync(path('customers.csv'), CUSTOMERS)
    writeFileSync(path('accounts.csv'), ACCOUNTS)
    const paths = order.map(path)
    const { code, lines } = await command('import', ...paths, '--money', 'dollars', '--json')
    t.equal(code, 0)
    t.match(lines.at(-1), {
      event: 'imported',
      file: paths.join(', '),
      files: [
        { file: paths[0], rows: 1 },
        { file: paths[1], rows: 1 },
      ],
      loaded: true,
      rows: 2,
      rows_rejected: 0,
      debt_accounts: { added: 1, changed: 0, unchanged: 0 },
      customers: { added: 1, changed: 0, unchanged: 0 },
    })
    const { stdout } = await command('lookup', 'A-1')
    t.same(JSON.parse(stdout), {
      data: {
        customer: { external_id: 'C-1', name: 'Robin Sample', phone: '206-555-0143' },
        debt_account: { external_id: 'A-1', balance: 1000 },
      },
    })
    const before = await tablesOf(database)
    t.match(await command('import', ...paths, '--money', 'dollars'), {
      code: 0,
      stdout: `${paths.join(', ')}: nothing to change, 2 rows`,
    })
    t.equal(await tablesOf(database), before)
  })

t.test(
  'a rejected row of one file prevents the import of all; errors name the file',
  { buffered: true },
  async (t) => {
    const { command, path, database } = await startImporter(t)
    writeFileSync(path('customers.csv'), `${CUSTOMERS}C-2,Ann Sample,\nC-3,Eve Sample,\n`)
    writeFileSync(path('accounts.csv'), `${ACCOUNTS}A-2,x,C-2\nA-3,1,nobody\n`)
    writeFileSync(
      path('places.csv'),
      'location_external_id,location_name\nL-1,North\nL-2,South\nL-3,South\nL-1,Northern\n',
    )
    const paths = ['places.csv', 'customers.csv', 'accounts.csv'].map(path)
    const [places, customers, accounts] = paths
    const before = await tablesOf(database)
    const rejected = await command('import', ...paths, '--money', 'dollars', '--strict', '--json')
    t.equal(rejected.code, 1)
    t.match(rejected.lines.at(-1), { loaded: false, rows: 10, rows_rejected: 6 })
    const groups = rejected.lines.at(-1)!.rejected as { code: string; examples: object[] }[]
    t.same(Object.fromEntries(groups.map(({ code, examples }) => [code, examples])), {
      conflicting_rows: [
        { file: places, line: 2, external_id: null, other_file: places, other_line: 5 },
        { file: places, line: 5, external_id: null, other_file: places, other_line: 2 },
      ],
      location_name_taken: [
        { file: places, line: 3, external_id: null, other_line: null },
        { file: places, line: 4, external_id: null, other_line: null },
      ],
      invalid_money: [{ file: accounts, line: 3, external_id: 'A-2', other_line: null }],
      unknown_reference: [{ file: accounts, line: 4, external_id: 'A-3', other_line: null }],
    })
    const { stdout } = await command('import', ...paths, '--money', 'dollars', '--strict')
    t.match(stdout, `line 4 of ${accounts} (A-3)`)
    t.match(stdout, `line 5 of ${places} (see line 2 of ${places})`)

    t.match(await command('import', customers!, path('none.csv'), '--money', 'dollars'), {
      code: 1,
      stderr: `${path('none.csv')}: There is no such file. Nothing is loaded.\n`,
    })
    t.equal(await tablesOf(database), before)
  },
)

t.test(
  'with --keep-good, rejected accounts do not remove customers of a file of customers',
  { buffered: true },
  async (t) => {
    const { load, path, database } = await startImporter(t)
    t.match(await load(`${CUSTOMERS}C-2,,\n`, ...CENTS, '--keep-good', '--rejects', path('rejects.csv')), {
      code: 3,
    })
    t.same(await database.query('select external_id, name from tratta_jit.customers'), [
      { external_id: 'C-1', name: 'Robin Sample' },
    ])
  },
)
