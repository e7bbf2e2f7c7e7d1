/** Files with the structures that spreadsheets, old systems and reports produce: read, or rejected with what to do. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { startImporter } from './start-importer.ts'

t.jobs = 3

const file = (name: string) => readFileSync(join(import.meta.dirname, 'cases', name))
const DOLLARS = ['--money', 'dollars']
const NAMES = `select a.external_id as id, c.name from tratta_jit.debt_accounts a
  left join tratta_jit.customers c on c.external_id = a.customer_external_id order by 1`
const BOBBIE = 'SAMPLE, ROBIN "BOBBIE" J'

t.test('files that are read', async (t) => {
  const { event, database } = await startImporter(t)
  const read = async (content: Buffer | string, ...options: string[]) => {
    await database.query(
      'delete from tratta_jit.debt_accounts; delete from tratta_jit.customers; delete from tratta_jit.locations',
    )
    const { loaded, omitted, changed, skipped, rejected } = await event(content, ...DOLLARS, ...options)
    return { names: await database.query(NAMES), loaded, omitted, changed, skipped, rejected }
  }
  const nothing = { loaded: true, omitted: [], changed: [], skipped: [], rejected: [] }
  const two = [
    { id: 'A-1', name: 'Robin Sample' },
    { id: 'A-2', name: BOBBIE },
  ]
  for (const [name, options, names] of [
    ['ctrl-z.csv', [], two],
    ['cr-only.csv', [], [two[0], { id: 'A-2', name: 'Ada Secret' }]],
    ['utf16le-no-bom.csv', [], two],
    ['utf16le-no-bom.csv', ['--encoding', 'windows-1252'], two],
    ['sep-line.csv', [], [two[0], { id: 'A-2', name: 'Robin Sample' }]],
    ['preamble.csv', ['--skip-lines', '3'], two],
    ['empty-header-columns.csv', [], two],
    ['blank-before-quote.csv', [], [{ id: 'A-1', name: 'Sample, Robin' }]],
    ['windows-1252.csv', ['--encoding', 'windows-1252'], [{ id: 'A-1', name: 'José Ñandú Müller' }]],
    ['mac-roman.csv', ['--encoding', 'macintosh'], [{ id: 'A-1', name: 'José Ñandú Müller' }]],
    [
      'pipe-unquoted.txt',
      ['--delimiter', '|', '--quote', 'none'],
      [
        { id: 'A-1', name: 'ROBIN "BOB" SAMPLE' },
        { id: 'A-2', name: '"BOB" SAMPLE' },
        { id: 'A-3', name: '"BOB"' },
        { id: 'A-4', name: 'SAMPLE 5" PIPE CO' },
        { id: 'A-5', name: 'Plain Name' },
      ],
    ],
  ] as const)
    t.same(await read(file(name), ...options), { ...nothing, names }, `${name} ${options.join(' ')}`)

  const text = file('ctrl-z.csv').toString().replace('\u001a', '')
  for (const [title, content, options] of [
    ['UTF-16, big-endian', Buffer.from(text, 'utf16le').swap16(), []],
    ['UTF-16 with a byte order mark', Buffer.from(`\ufeff${text}`, 'utf16le'), []],
    ['UTF-16 in gzip', gzipSync(Buffer.from(text, 'utf16le')), []],
    ['CR-only line ends with a byte order mark', `\ufeff${text.replaceAll('\r\n', '\r')}`, []],
    ['a separator line with tabs', `sep=\t\n${text.replaceAll(/,(?! ROBIN)/g, '\t')}`, []],
    ['Ctrl-Z after the last cell', `${text.trimEnd()}\u001a\u001a`, []],
    ['empty cells after the last column', text.replaceAll(',,,,\r', ',,,,,,,\r'), []],
    ['a title above the header', `Title\n${text}`, ['--skip-lines', '1']],
    ['Windows names of an unnamed column', `,${text.replaceAll('\n', '\n,').replace(/,$/, '')}`, []],
  ] as const)
    t.same(await read(content, ...options), { ...nothing, names: two }, title)

  const trailer = [
    {
      message: 'is a trailer line with totals or counts',
      count: 1,
      examples: [{ line: 4, external_id: null }],
    },
  ]
  for (const name of ['footer-short.csv', 'footer-total.csv'])
    t.same(await read(file(name)), { ...nothing, names: two, skipped: trailer }, name)
  for (const line of [
    'TRL,2,201.00',
    'Grand Total:,201.00,180.50,,,,,,',
    '2',
    ',201.00,180.50',
    'Total Records: 2',
    'TOTALS: 2 accounts,201.00,180.50,,,,,,',
    'Record count 2',
    'Report generated on 11/25/2026,,,,,,,,',
    '(2 rows affected)',
  ])
    t.same(await read(`${text}${line}\r\n`), { ...nothing, names: two, skipped: trailer }, line)
  t.same(
    (await read(file('header-repeated.csv'))).skipped,
    [{ message: 'is the header again', count: 1, examples: [{ line: 3, external_id: null }] }],
    'header-repeated.csv',
  )
  t.equal((await database.query(NAMES)).length, 2)
})

t.test('files that are not read: the message says what to do, and has no cell', async (t) => {
  const { load, accounts } = await startImporter(t)
  const head = 'external_id,balance\n'
  const workbook = 'The file is an Excel workbook (xls): save it as CSV'
  for (const [title, content, message] of [
    ['no-header.csv', file('no-header.csv'), 'No header was found: line 1 has 9 columns'],
    ['preamble.csv', file('preamble.csv'), 'Line 4 has known column names: use --skip-lines 3'],
    [
      'fixed-width.txt',
      file('fixed-width.txt'),
      'The file has no delimiters: its columns seem to have fixed widths',
    ],
    ['xlsx-named.csv', file('xlsx-named.csv'), 'The file is an Excel workbook (xlsx): save it as CSV'],
    ['zip-named.csv', file('zip-named.csv'), 'The file is a zip archive: unpack it'],
    ['xls', Buffer.from('d0cf11e0a1b11ae1000000', 'hex'), workbook],
    ['xls in gzip', gzipSync(Buffer.from('d0cf11e0a1b11ae1000000', 'hex')), workbook],
    ['PGP', Buffer.from('8501 0c03 aabbccdd'.replaceAll(' ', ''), 'hex'), 'The file is encrypted with PGP'],
    ['PGP, symmetric', Buffer.from('8c0d0403030234', 'hex'), 'The file is encrypted with PGP'],
    ['PGP, armored', '-----BEGIN PGP MESSAGE-----\n\nhQ', 'The file is encrypted or signed with PGP'],
    ['HTML', '<table><tr><td>Robin</td></tr></table>', 'The file is an HTML page: save it as CSV'],
    ['XML', '<?xml version="1.0"?><Workbook/>', 'The file is XML: save it as CSV'],
    [
      'fixed width with commas',
      'A-1       0010050SAMPLE, ROBIN  \nA-2       0020100SAMPLE, ADA    \nA-3       0020100SAMPLE, ADA    \n',
      'The file has no delimiters',
    ],
    [
      'a title above a header with another delimiter',
      `Title\n${file('sep-line.csv').toString().slice(7)}`,
      "Line 2 has known column names: use --delimiter ';' --skip-lines 1",
    ],
    ['another delimiter', file('sep-line.csv').toString().slice(7), "use --delimiter ';'"],
    ['a title above unknown names', 'Robin Sample\nAcct,Due,Debtor,Phone\n1,2,3,4\n', 'use --skip-lines 1'],
    ['a damaged UTF-16 file', Buffer.from(`${head}1,\ud800,2\n`, 'utf16le'), 'The UTF-16 text is damaged'],
  ] as const) {
    const { code, stdout, stderr } = await load(content, ...DOLLARS)
    t.same([code, stdout], [1, ''], title)
    t.match(stderr, message, title)
    t.notMatch(stderr, /Robin|Sample|example\.com|0143|ADA/i, title)
  }
  const { stderr } = await load(
    `${head.trim()},Robin Sample's,robin@example.com,206-555-0143,${'x'.repeat(5000)}\n1,2,3,4,5,6\n`,
    ...DOLLARS,
  )
  t.notMatch(stderr, /robin@|0143|xxx/)
  t.match(stderr, 'Column 4 is unknown')
  const start = performance.now()
  const names = Array.from({ length: 30_000 }, (_, at) => `${'name'.repeat(12)} ${at}`)
  t.match(await load(`${head.trim()},${names.join(',')}\n1,2\n`, ...DOLLARS), {
    code: 1,
    stderr: 'There are more errors',
  })
  t.ok(performance.now() - start < 60_000, 'the time for a header with many unknown names is bounded')
  t.same(await accounts(), [])
})

t.test('columns with equal names, and unnamed columns with values', async (t) => {
  const { command, event, path, load, database } = await startImporter(t)
  const map = {
    Account: 'external_id',
    Balance: 'balance',
    Phone: 'metadata.phone1',
    'Phone#2': 'metadata.phone2',
  }
  const { writeFileSync } = await import('node:fs')
  writeFileSync(path('map.json'), JSON.stringify(map))
  t.match(await load(file('header-duplicate.csv'), ...DOLLARS, '--map', path('map.json')), { code: 0 })
  t.same(await database.query('select metadata from tratta_jit.debt_accounts'), [
    { metadata: { phone1: '206-555-0143', phone2: '206-555-0144' } },
  ])
  t.match((await event('external_id,balance,\n1,2,\n2,3,x\n', ...DOLLARS)).rejected, [
    { message: 'has a value in column 3, which has no name in the header', rows: 1, examples: [{ line: 3 }] },
  ])
  t.match(await event(file('mac-roman.csv'), ...DOLLARS), {
    rejected: [{ message: 'is not UTF-8 (use --encoding macintosh if the file comes from an older Mac)' }],
  })
  t.match(
    await event(
      'external_id,balance,customer_external_id,customer_name\n1,1,c1,a\n',
      '--encoding',
      'cp850',
      ...DOLLARS,
    ),
    { loaded: true },
  )
  t.match(
    await load(
      Buffer.from('external_id,balance,customer_external_id,customer_name\n9,1,c9,Pe\xa4a\n', 'latin1'),
      '--encoding',
      'cp850',
      ...DOLLARS,
    ),
    { code: 0 },
  )
  t.same(await database.query("select name from tratta_jit.customers where external_id = 'c9'"), [
    { name: 'Peña' },
  ])
  t.match(await command('import', path('given'), '--skip-lines', 'x', ...DOLLARS), {
    code: 2,
    stderr: '--skip-lines must be a number of lines',
  })
})
