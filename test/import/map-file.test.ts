/** Map files: the example of the documentation, every conversion, and errors with line and column. */
import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { firstNameFirst } from '../../src/import/map/person-name.ts'
import { CENTS, startImporter, tablesOf } from './start-importer.ts'

t.jobs = 2

const DOLLARS = ['--money', 'dollars']

t.test('the example of docs/import.md', { buffered: true }, async (t) => {
  const section = /## Map file[\s\S]*?\n## /.exec(readFileSync('docs/import.md', 'utf8'))![0]
  const block = (language: string) => new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(section)![1]!
  const { load, path, database, command } = await startImporter(t)
  writeFileSync(path('map.json'), block('json'))
  const options = ['--map', path('map.json'), ...DOLLARS, '--delimiter', ';']
  t.match(await load(block('csv'), ...options), { code: 0, stdout: 'loaded, 3 rows', stderr: '' })
  const { stdout } = await command('lookup', 'PACKET-881')
  const child = { parent_external_id: 'PACKET-881' }
  t.same(JSON.parse(stdout), {
    data: {
      customer: {
        external_id: '5012',
        name: 'Robin Q Sample',
        date_of_birth: '1979-05-17',
        address: { line1: '12 Pine St, Apt 4' },
      },
      debt_account: { external_id: 'PACKET-881', balance: 0, current_balance: 0 },
      child_debt_accounts: [
        {
          external_id: '70001',
          ...child,
          balance: 10000,
          current_balance: 9000,
          locations: [{ external_id: 'HARBOR', name: 'Harbor Clinic' }],
          metadata: { status: 'active' },
        },
        {
          external_id: '70002',
          ...child,
          balance: 5000,
          current_balance: 0,
          locations: [{ external_id: 'HARBOR', name: 'Harbor Clinic' }],
          metadata: { status: 'closed' },
        },
      ],
    },
  })
  t.same(JSON.parse((await command('lookup', '70003')).stdout), {
    data: {
      location: { external_id: 'HARBOR', name: 'Harbor Clinic' },
      customer: { external_id: '5013', name: "Ann O'Sample Jr", address: { line1: '9 Oak Ave' } },
      debt_account: {
        external_id: '70003',
        balance: 7500,
        current_balance: 7500,
        metadata: { status: 'other' },
      },
    },
  })
  const before = await tablesOf(database)
  t.match(await load(block('csv'), ...options), { code: 0, stdout: 'nothing to change, 3 rows' })
  t.equal(await tablesOf(database), before)
})

t.test(
  'a value that is not in the map, a parent by its number, and formats by column',
  { buffered: true },
  async (t) => {
    const { load, path, event, accounts, database } = await startImporter(t)
    writeFileSync(
      path('map.json'),
      JSON.stringify({
        columns: {
          Nr: 'external_id',
          Placed: 'balance',
          Owed: { to: 'current_balance', money: 'cents' },
          Kind: { to: 'location_type', values: { O: 'original_creditor', P: 'product_type' } },
          Client: 'location_name',
        },
        join: { location_external_id: { columns: ['Client'] } },
        parents: { column: 'Group' },
      }),
    )
    const head = 'Nr,Group,Placed,Owed,Kind,Client'
    const options = ['--map', path('map.json'), ...DOLLARS]
    const bad = await event(`${head}\n1,,1.00,100,O,North\n2,,1.00,100,Q,South\n`, ...options, '--strict')
    t.match(bad.rejected, [
      {
        code: 'unmapped_value',
        field: 'location.type',
        message: 'location.type is not one of "values" in the map: add it, or a "default"',
        examples: [{ line: 3, external_id: '2' }],
      },
    ])
    const lenient = await event(`${head}\n2,,1.00,100,Q,South\n`, ...options)
    t.match(lenient, { loaded: true, rows_rejected: 0 })
    t.match(JSON.stringify(lenient), 'location.type is not one of')
    t.match(await load(`${head}\n2,1,1.00,60,P,South\n1,1,1.00,100,P,South\n`, ...options), { code: 0 })
    t.match(await accounts(), [
      { external_id: '1', parent_external_id: null, balance: '100', current_balance: '100' },
      { external_id: '2', parent_external_id: '1', balance: '100', current_balance: '60' },
    ])
    t.match(await database.query('select * from tratta_jit.locations'), [
      { external_id: 'South', name: 'South', type: 'product_type' },
    ])
  },
)

t.test('a map for several files, and a map for each', { buffered: true }, async (t) => {
  const { command, path, database } = await startImporter(t)
  writeFileSync(path('debtors.csv'), 'Key,Name\nC-1,"SAMPLE, ANN"\n')
  writeFileSync(path('accounts.csv'), 'Key,Debtor,Amount\nA-1,C-1,1.00\n')
  writeFileSync(
    path('debtors.json'),
    '{"columns":{"Key":"customer_external_id","Name":{"to":"customer_name","name":"last-first"}}}',
  )
  writeFileSync(
    path('accounts.json'),
    '{"Key":"external_id","Debtor":"customer_external_id","Amount":"balance"}',
  )
  const [debtors, accounts] = ['debtors', 'accounts'].map((name) => ['--map', path(`${name}.json`)])
  const files = [path('debtors.csv'), path('accounts.csv')]
  t.match(await command('import', ...files, ...debtors!, ...accounts!, ...DOLLARS), { code: 0 })
  t.same(
    await database.query(
      `select a.external_id, name from tratta_jit.debt_accounts a
       join tratta_jit.customers c on c.external_id = customer_external_id`,
    ),
    [{ external_id: 'A-1', name: 'Ann Sample' }],
  )
  t.match(await command('import', ...files, path('more.csv'), ...debtors!, ...accounts!, ...DOLLARS), {
    code: 2,
    stderr: '--map must be given once, or once for each FILE, in the same order.',
  })
  writeFileSync(path('debtors.csv'), 'Number,Name\nC-1,Robin Sample\n')
  writeFileSync(path('accounts.csv'), 'Acct,Debtor,Amount\nA-1,C-1,1.00\n')
  const both = {
    columns: {
      Number: 'customer_external_id',
      Name: 'customer_name',
      Acct: 'external_id',
      Debtor: 'customer_external_id',
      Amount: 'balance',
    },
    constants: { location_external_id: 'L', location_name: 'North' },
  }
  writeFileSync(path('both.json'), JSON.stringify(both))
  t.match(await command('import', ...files, '--map', path('both.json'), ...DOLLARS), { code: 0 })
  t.match(
    await database.query(
      'select name, location_external_id from tratta_jit.customers, tratta_jit.debt_accounts',
    ),
    [{ name: 'Robin Sample', location_external_id: 'L' }],
  )
  writeFileSync(path('both.json'), JSON.stringify({ columns: { ...both.columns, Absent: null } }))
  t.match(await command('import', ...files, '--map', path('both.json'), ...DOLLARS), {
    code: 1,
    stderr:
      /both.json:1:\d+: The map names column "Absent", which the file does not have. Nothing is loaded.\n$/,
  })
})

t.test('an error in a map is reported with line and column', { buffered: true }, async (t) => {
  const { load, path } = await startImporter(t)
  const map = path('map.json')
  for (const [text, ...problems] of [
    ['["external_id"]', '1:1: must be a JSON object'],
    ['{\n  "Nr": external_id\n}', '2:9: is not valid JSON'],
    ['{\n  "Nr": "external_id",\n  "Nr": null\n}', '3:3: is not valid JSON, or a duplicate key'],
    ['{\n  "Nr": "external_id",\n}', '3:1: is not valid JSON'],
    ['{"Nr": "external_id"', '1:21: is not valid JSON'],
    ['', '1:1: is not valid JSON'],
    [
      '{\n  "Nr": "externl_id",\n  "Other": 5\n}',
      '2:3: "externl_id" is unknown: is it "external_id"?',
      '3:3: must be one of our columns, null, or {"to": "our_column"}',
    ],
    [
      '{\n "columns": {\n  "Nr": {"to": "external_id",\n   "nul_values": [""], "dates": "dym", "values": {"A": 1}}},\n "joins": {},\n "parents": {"prefix": ""}}',
      '4:4: "nul_values" is unknown: is it "null_values"?',
      '4:24: must be one of iso, ',
      '4:51: must be a text',
      '5:2: "joins" is unknown: is it "join"?',
      '6:2: "column" is missing',
      '6:14: must be a text that is not empty',
    ],
    [
      '{"columns": {},\n"join": {"customer_nme": {"columns": []}},\n"constants": {"balance": 1, "x": ""}}',
      '2:10: "customer_nme" is unknown: is it "customer_name"?',
      '2:27: must be a list of columns of the file',
      '3:15: must be a text',
      '3:29: "x" is unknown',
    ],
  ] as const) {
    writeFileSync(map, text)
    const { code, stderr } = await load('Nr,balance\n1,2\n', ...CENTS, '--map', map)
    t.equal(code, 2, text)
    for (const problem of problems) t.match(stderr, `${map}:${problem}`)
  }
})

t.test('names with the last name first', { buffered: true }, async (t) => {
  for (const [text, name] of [
    ['SAMPLE, ROBIN Q', 'Robin Q Sample'],
    ['Sample, Robin', 'Robin Sample'],
    ["O'BRIEN-SAMPLE, MARY ANN", "Mary Ann O'Brien-Sample"],
    ['SAMPLE JR, JOHN A', 'John A Sample Jr'],
    ['SAMPLE, JOHN A III', 'John A Sample III'],
    ['SAMPLE, JOHN, JR.', 'John Sample Jr.'],
    ['DE LA CRUZ,ANA', 'Ana De La Cruz'],
    ['MÜLLER, ÖZGE', 'Özge Müller'],
    ['van Sample, Ann', 'Ann van Sample'],
    ['SAMPLE,', 'SAMPLE'],
    ['ROBIN SAMPLE', 'ROBIN SAMPLE'],
    ['V, ANN', 'Ann V'],
  ] as const)
    t.equal(firstNameFirst(text), name)
})
