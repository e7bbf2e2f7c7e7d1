/** `import --suggest-map`. */
import { writeFileSync } from 'node:fs'
import t from 'tap'
import { run } from '../support/program.ts'
import { startImporter } from './start-importer.ts'

t.jobs = 2

const HEAD =
  'ACCT_NO;PacketNo;Client Code;Client Name;Client Ref No;Orig Bal;Curr Bal;Debtor #;Last Name;First;MI;Address 1;Address 2;City;ST;Zip;Home Phone;E-Mail;DOB;SSN;Status;Last Pay Dt;'
const ROWS = [
  '0070001;881;HC;Harbor Clinic;X-1;1,250.10;900.07;5012;SAMPLE;ROBIN;Q;12 Pine St;Apt 4;Tacoma;WA;98402;(206) 555-0143;robin@example.com;05/17/1979;0042;A;12/31/2025;',
  '0070002;881;HC;Harbor Clinic;X-2;100.00;100.00;5012;SAMPLE;ROBIN;Q;12 Pine St;Apt 4;Tacoma;WA;98402;(206) 555-0143;robin@example.com;05/17/1979;0042;A;;',
  '0070003;;LH;Lakeside;X-3;50.00;0.00;5013;OTHER;ANN;;9 Oak Ave;;Seattle;WA;98104;;;01/02/1990;;C;;',
]

t.test(
  'import --suggest-map prints a map that loads the file, and no cell',
  { buffered: true },
  async (t) => {
    const { path, command } = await startImporter(t)
    writeFileSync(path('export.csv'), `${[HEAD, ...ROWS].join('\r\n')}\r\n`)
    // It needs no database.
    const suggested = await run(t, ['import', '--suggest-map', path('export.csv')])
    t.equal(suggested.code, 0)
    t.same(JSON.parse(suggested.stdout), {
      columns: {
        ACCT_NO: 'external_id',
        'Client Code': 'location_external_id',
        'Client Name': 'location_name',
        'Client Ref No': 'external_account_number',
        'Orig Bal': 'balance',
        'Curr Bal': 'current_balance',
        'Debtor #': 'customer_external_id',
        'Address 1': 'customer_address.line1',
        'Address 2': 'customer_address.line2',
        City: 'customer_address.city',
        ST: 'customer_address.state',
        Zip: 'customer_address.postal_code',
        'Home Phone': 'customer_phone',
        'E-Mail': 'customer_email',
        DOB: { to: 'customer_date_of_birth', dates: 'mdy' },
        SSN: 'customer_ssn_last4',
        Status: null,
        'Last Pay Dt': null,
      },
      join: { customer_name: { columns: ['First', 'MI', 'Last Name'] } },
      parents: { column: 'PacketNo', prefix: 'GROUP-' },
    })
    t.equal(
      suggested.stderr,
      `Accounts with the same group number get a new parent account: remove "parents" if not
Save the map as export.map.json, correct it, and run:
  npx tratta-jit import ${path('export.csv')} --map export.map.json --money dollars --delimiter ';' --dry-run
`,
    )
    writeFileSync(path('export.map.json'), suggested.stdout)
    const cells = new Set(ROWS.flatMap((row) => row.split(';')).filter((cell) => cell.length > 2))
    for (const cell of cells) t.notOk(suggested.stdout.includes(cell), cell)
    const loaded = await command(
      ...[
        'import',
        path('export.csv'),
        '--map',
        path('export.map.json'),
        '--money',
        'dollars',
        '--delimiter',
        ';',
      ],
    )
    t.match(loaded, { code: 0, stdout: /: loaded, 3 rows\n {2}debt_accounts {12}4 added/ })
    t.match(JSON.parse((await command('lookup', 'GROUP-881')).stdout).data, {
      customer: {
        external_id: '5012',
        name: 'ROBIN Q SAMPLE',
        date_of_birth: '1979-05-17',
        ssn_last4: '0042',
      },
      debt_account: { balance: 0 },
      child_debt_accounts: [{ external_id: '0070001', balance: 125010, current_balance: 90007 }, {}],
    })
  },
)

t.test(
  'other names, one amount, the name in one column, dates with the day first',
  { buffered: true },
  async (t) => {
    const { path } = await startImporter(t)
    const suggest = async (text: string, ...options: string[]) => {
      writeFileSync(path('file.csv'), text)
      return await run(t, ['import', '--suggest-map', path('file.csv'), ...options])
    }
    const { lines } = await suggest(
      'Account Number\tMaster Acct\tBalance\tGuarantor ID\tGuarantor\tBirth Date\tCreditor\tmetadata.x\n1\t\t100\tG1\tSample, Ann\t31.12.1980\tNorth\ty\n',
      '--json',
    )
    t.same(lines, [
      {
        map: {
          columns: {
            'Account Number': 'external_id',
            'Master Acct': 'parent_external_id',
            Balance: 'balance',
            'Guarantor ID': 'customer_external_id',
            Guarantor: { to: 'customer_name', name: 'last-first' },
            'Birth Date': { to: 'customer_date_of_birth', dates: 'dmy' },
            Creditor: 'location_name',
            'metadata.x': 'metadata.x',
          },
          join: { location_external_id: { columns: ['Creditor'] } },
        },
        options: ['--money cents', '--delimiter tab'],
        notes: ['No amount has decimals: use --money dollars if the amounts are whole dollars'],
      },
    ])
    t.match((await suggest('Name,Phone,Balance\nAnn,206-555-0143,1.00\n', '--json')).lines, [
      {
        notes: [
          'No column was found for external_id: complete the map',
          'No column was found for customer_external_id: complete the map',
        ],
      },
    ])
    for (const [text, message] of [
      [
        '0070001,Robin Sample,robin@example.com\n',
        /The first line does not seem to be a header: column 1 can be data\./,
      ],
      ['Robin Sample,Tacoma\nAnn Other,Seattle\n', /The first line does not seem to be a header\. /],
      ['{"debt_account":{}}\n', /A map is for CSV files, and this is JSON/],
      ['', /The file is empty/],
    ] as const) {
      const { code, stdout, stderr } = await suggest(text)
      t.match({ code, stdout, stderr }, { code: 1, stdout: /^$/, stderr: message })
      t.notMatch(stderr, /Robin|Tacoma|0070001/)
    }
    t.match(await run(t, ['import', '--suggest-map', path('a'), path('b')]), {
      code: 2,
      stderr: '--suggest-map needs one FILE.',
    })
  },
)
