/** The reject file. */
import { readFileSync, statSync } from 'node:fs'
import t from 'tap'
import { CENTS, startImporter } from './start-importer.ts'

t.test(
  'a rejected row prevents the import; with --keep-good the others are loaded, and the reject file can be corrected',
  async (t) => {
    const { load, path, accounts, database } = await startImporter(t)
    const text = [
      'external_id;balance;customer_external_id;customer_name;customer_ssn_last4;metadata.été',
      '1;100;c1;"Ann; née ""X""";0042;a',
      '2;12.5;c2;Bob;42;b',
      '3;300;c3;Eve;1234;',
      '4;400;;"stray;1;',
      `5;500;c3;Eve;1234;${'z'.repeat(300)}`,
      '3;301;c3;Eve;1234;',
    ].join('\n')
    const options = [...CENTS, '--delimiter', ';', '--strict']
    const nothing = await load(text, ...options)
    t.equal(nothing.code, 1)
    t.equal(
      nothing.stdout.replace(/^.*given/, 'given'),
      `given: nothing loaded, because 5 of 6 rows are rejected
        2 × debt_account.external_id appears more than once in the file, with different content
            line 4 (3, see line 7), line 7 (3, see line 4)
        1 × customer.ssn_last4 must be four digits
            line 3 (2)
        1 × debt_account.balance must be whole cents, written like 123456 or -123456 (use --money dollars if the file has dollars)
            line 3 (2)
        1 × debt_account.metadata.* must be a text of 1 to 255 characters
            line 6 (5)
        1 × has a quote that is not closed or not doubled: write a field with quotes as "like ""this"" one", or use --quote none if no field is quoted
            line 5
  --rejects FILE writes all rejected rows with all reasons
`,
    )
    t.same(await accounts(), [])
    const dry = await load(text, ...options, '--dry-run')
    t.equal(dry.code, 3)
    t.match(
      dry.stdout,
      /given: would load nothing, because 5 of 6 rows are rejected; with --keep-good\n {2}debt_accounts {12}1 added {11}0 changed/,
    )

    const kept = await load(text, ...options, '--keep-good', '--rejects', path('rejects.csv'))
    t.equal(kept.code, 3)
    t.match(kept.stdout, 'given: loaded, but 5 of 6 rows are rejected\n  debt_accounts            1 added')
    t.match(await accounts(), [{ external_id: '1' }])
    t.match(await database.query('select external_id, name, ssn_last4 from tratta_jit.customers'), [
      { external_id: 'c1', name: 'Ann; née "X"', ssn_last4: '0042' },
    ])
    t.equal(statSync(path('rejects.csv')).mode & 0o777, 0o600)
    const rejects = readFileSync(path('rejects.csv'), 'utf8')
    t.same(rejects.split('\n'), [
      'import_line;import_reasons;external_id;balance;customer_external_id;customer_name;customer_ssn_last4;metadata.été',
      '3;"customer.ssn_last4 must be four digits; debt_account.balance must be whole cents, written like 123456 or -123456 (use --money dollars if the file has dollars)";2;12.5;c2;Bob;42;b',
      '4;"debt_account.external_id appears more than once in the file, with different content (see line 7)";3;300;c3;Eve;1234;',
      '5;"has a quote that is not closed or not doubled: write a field with quotes as ""like """"this"""" one"", or use --quote none if no field is quoted";4;400;;"stray;1;',
      `6;"debt_account.metadata.été must be a text of 1 to 255 characters";5;500;c3;Eve;1234;${'z'.repeat(300)}`,
      '7;"debt_account.external_id appears more than once in the file, with different content (see line 4)";3;301;c3;Eve;1234;',
      '',
    ])
    t.match(await load(text, ...options, '--keep-good', '--rejects', path('rejects.csv')), {
      code: 1,
      stderr: /rejects.csv exists already: name another file, or remove this one. Nothing is loaded.\n$/,
    })

    // Corrected, it can be imported.
    const corrected = rejects
      .replace(';12.5;', ';1250;')
      .replace(';42;', ';0043;')
      .replace(/^5;.*\n/m, '')
      .replace(/z{300}/, 'z')
      .replace(/^7;.*\n/m, '')
    t.match(await load(corrected, ...options), { code: 0, stdout: 'given: loaded, 3 rows' })
    t.match(await accounts(), [
      { external_id: '1', balance: '100' },
      { external_id: '2', balance: '1250' },
      { external_id: '3', balance: '300' },
      { external_id: '5', balance: '500', metadata: { été: 'z' } },
    ])
  },
)

t.test('rejected JSON rows are written as NDJSON, and can be corrected', async (t) => {
  const { load, path } = await startImporter(t)
  const bad = '{\n "debt_account": {"external_id": "1", "balance": 1e3}\n}'
  const words = ['--keep-good', '--rejects']
  t.equal(
    (await load(`[${bad},\n{}, {"debt_account":1e400}, 7, {"a]`, '--dry-run')).code,
    1,
    'an array that does not end is not loaded',
  )
  t.equal((await load(`[${bad},\n{}, 7]`, ...words, path('rejects'))).code, 3)
  t.same(readFileSync(path('rejects'), 'utf8').split('\n'), [
    '{"import_line":1,"import_reasons":["debt_account.balance must be a whole number of cents, without fraction and exponent"],  "debt_account": {"external_id": "1", "balance": 1e3} }',
    '{"import_line":4,"import_reasons":["debt_account is missing"]}',
    '{"import_line":4,"import_reasons":["must be an object with customer, location and debt accounts"],"import_text":"7"}',
    '',
  ])
  const again = await load(
    readFileSync(path('rejects')).toString().replace('1e3', '1000'),
    ...words,
    path('again'),
  )
  t.match(again, { code: 3, stdout: /is not corrected yet/ })
  t.match(readFileSync(path('again'), 'utf8'), /"import_line":3,.*"import_line":4/)
})
