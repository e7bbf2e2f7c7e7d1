/** Imports files and looks accounts up. */
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { run } from '../support/program.ts'
import { CENTS, startImporter, tablesOf } from './start-importer.ts'

t.test(
  'import of the sample: loads it, lookup returns it, and a second import changes nothing',
  async (t) => {
    const { command, database } = await startImporter(t)
    const words = [
      'import',
      'sample/accounts.csv',
      '--money',
      'dollars',
      '--dates',
      'mdy',
      '--map',
      'sample/accounts.map.json',
    ]
    t.same(await command(...words, '--dry-run'), {
      code: 0,
      stdout: `sample/accounts.csv: would be loaded, 5 rows
  debt_accounts            5 added           0 changed           0 unchanged
  customers                2 added           0 changed           0 unchanged
  locations                2 added           0 changed           0 unchanged
  5 accounts, 2 of them children, 2 customers; balances: smallest $12.50, median $500.00, largest $1,500.00, total $3,077.40
`,
      stderr: '',
      lines: [],
    })
    t.equal(await tablesOf(database), '[{"debt_accounts":null,"customers":null,"locations":null}]')
    t.match(await command(...words), {
      code: 0,
      stdout: /^sample\/accounts.csv: loaded, 5 rows\n/,
      stderr: /^$/,
    })
    const { stdout } = await command('lookup', '700100')
    t.same(JSON.parse(stdout), {
      data: {
        location: { external_id: 'LH', name: 'Lakeside Hospital' },
        customer: {
          external_id: '88-1',
          name: 'Robin Sample',
          email: 'robin@example.com',
          phone: '(206) 555-0143',
          date_of_birth: '1981-07-04',
          ssn_last4: '0017',
          address: { line1: '12 Sample St\nApt 4', city: 'Seattle', state: 'WA', postal_code: '98104' },
        },
        debt_account: {
          external_id: '700100',
          external_account_number: 'LH-1',
          billing_type: ['payment-plan', 'one-time'],
          balance: 150000,
          current_balance: 125050,
          metadata: { placement: '2026-03' },
        },
        child_debt_accounts: [
          {
            external_id: '700101',
            parent_external_id: '700100',
            external_account_number: 'LH-1-A',
            balance: 100000,
            current_balance: 75050,
            metadata: { placement: '2026-03' },
          },
          {
            external_id: '700102',
            parent_external_id: '700100',
            external_account_number: 'LH-1-B',
            balance: 50000,
            current_balance: 50000,
            metadata: { placement: '2026-03' },
          },
        ],
      },
    })
    const before = await tablesOf(database)
    t.match(await command(...words), {
      code: 0,
      stdout: `sample/accounts.csv: nothing to change, 5 rows are in the database already
  debt_accounts            0 added           0 changed           5 unchanged
  customers                0 added           0 changed           2 unchanged
  locations                0 added           0 changed           2 unchanged
  5 accounts, 2 of them children, 2 customers; balances: smallest $12.50, median $500.00, largest $1,500.00, total $3,077.40
`,
      stderr: /^sample\/accounts.csv: a file with the same content was loaded before, at \S+\n$/,
    })
    t.equal(await tablesOf(database), before)
  },
)

t.test('import without a column keeps its values; an empty cell clears the column', async (t) => {
  const { load, event, accounts, database } = await startImporter(t)
  await load(
    'external_id,balance,current_balance,external_account_number,metadata.a,customer_external_id,customer_name,customer_email\n' +
      '1,100,90,N-1,x,c1,Ann,ann@example.com\n2,200,190,N-2,y,c1,Ann,ann@example.com',
    ...CENTS,
  )
  t.match(await event('external_id,balance,current_balance\n1,100,50\n2,200,\n3,300,300', ...CENTS), {
    debt_accounts: { added: 1, changed: 2, unchanged: 0 },
    customers: { added: 0, changed: 0, unchanged: 0 },
  })
  t.match(await accounts(), [
    {
      external_id: '1',
      current_balance: '50',
      external_account_number: 'N-1',
      metadata: { a: 'x' },
      customer_external_id: 'c1',
    },
    { external_id: '2', current_balance: null, external_account_number: 'N-2' },
    { external_id: '3', customer_external_id: null },
  ])
  // References must exist already.
  t.match(await event('external_id,balance,customer_external_id\n3,300,c1\n4,400,nobody', ...CENTS), {
    loaded: false,
    rejected: [
      {
        message: 'customer.external_id names a customer that is neither in the file nor in the database',
        examples: [{ line: 3, external_id: '4' }],
      },
    ],
  })
  t.match(
    await event(
      '{"customer":{"external_id":"c1","name":"Ann B","email":null},"debt_account":{"external_id":"3","balance":300}}',
    ),
    {
      customers: { changed: 1 },
      debt_accounts: { changed: 1 },
    },
  )
  t.match(await database.query('select * from tratta_jit.customers'), [{ name: 'Ann B', email: null }])
})

t.test(
  "import of JSON in Tratta's bulk format: as an array, as NDJSON, compressed, from standard input",
  async (t) => {
    const { load, database, command } = await startImporter(t)
    const bulk = [
      {
        customer: {
          external_id: 'c1',
          name: 'Tremaine',
          ssn_last4: 9098,
          address: { city: 'East Ophelia', is_primary: false },
        },
        location: { external_id: 'rerum', name: 'provident' },
        parent_debt_accounts: [
          { external_id: 'parent', balance: 0, current_balance: 0, billing_type: ['partial-payment'] },
        ],
        debt_accounts: [
          { external_id: 'vel', parent_external_id: 'parent', balance: 100, metadata: { et: 'x', quia: 7 } },
          { external_id: 'quia', balance: 100, status: 'open' },
        ],
      },
      {
        customer: { external_id: 'c2', name: 'Ann' },
        debt_accounts: [{ external_id: 'maiores', balance: 100 }],
      },
    ]
    const first = await load(JSON.stringify(bulk, null, 2))
    t.same([first.code, first.stderr], [0, ''])
    t.match(
      first.stdout,
      '  stored in additional_fields, because no column has this name: debt_accounts.status\n',
    )
    const looked = await command('lookup', 'parent', '--json')
    t.match(looked.lines[0], {
      payload: {
        data: {
          customer: { external_id: 'c1', ssn_last4: 9098, address: { is_primary: false } },
          location: { external_id: 'rerum' },
          child_debt_accounts: [{ external_id: 'vel', metadata: { et: 'x', quia: '7' } }],
        },
      },
      omitted: [],
    })
    t.match((await command('lookup', 'quia', '--json')).lines[0], {
      payload: { data: { debt_account: { status: 'open' } } },
    })

    const same = 'nothing to change, 2 rows are in the database already'
    t.match(await load(bulk.map((row) => JSON.stringify(row)).join('\n')), { code: 0, stdout: same })
    t.match(await load(gzipSync(JSON.stringify(bulk))), { code: 0, stdout: same })
    const env = { DATABASE_URL: database.url }
    t.match(await run(t, ['import', '-'], env, gzipSync(JSON.stringify(bulk))), {
      code: 0,
      stdout: `standard input: ${same}`,
    })
    t.match(await run(t, ['import', '-', '--format', 'ndjson'], env, JSON.stringify(bulk[1])), {
      code: 0,
      stdout: 'standard input: nothing to change, 1 rows',
    })
    t.match(await run(t, ['import', '-', '--format', 'bulk-json'], env, JSON.stringify(bulk)), {
      code: 0,
      stdout: `standard input: ${same}`,
    })
    // The `data` of a JIT payload is a row too.
    const { payload } = looked.lines[0] as { payload: { data: object } }
    t.match(await load(JSON.stringify(payload.data)), { code: 0, stdout: 'nothing to change, 1 rows' })
  },
)
