/** Usage and configuration errors. */
import { writeFileSync } from 'node:fs'
import t from 'tap'
import { run } from '../support/program.ts'
import { CENTS, startImporter } from './start-importer.ts'

t.test('invalid options, maps, files and settings end with a message', async (t) => {
  const { load, path, database } = await startImporter(t)
  writeFileSync(path('map.json'), '["external_id"]')
  writeFileSync(path('odd.json'), '{"Nr":"external_id","Absent":null,"balance":"blance"}')
  const csv = 'Nr,balance\n1,2\n'
  for (const [args, message] of [
    [['--money', 'yen'], "'yen' is invalid. Allowed choices are cents, dollars."],
    [['--keep-good'], '--keep-good needs --rejects FILE, which gets the rejected rows.'],
    [['-', '-'], 'Standard input can be read only once.'],
    [['-', '--rejects', 'x'], '--rejects works with one FILE only.'],
    [['--delimiter', 'ab'], '--delimiter must be one character or the word tab.'],
    [['--map', path('map.json')], 'map.json:1:1: must be a JSON object, {"Their column": "our_column"}.'],
    [['--map', path('none')], 'none cannot be read (ENOENT).'],
  ] as const)
    t.match(await load(csv, ...CENTS, ...args), { code: 2, stdout: /^$/, stderr: message }, args.join(' '))
  t.match(await load(csv, ...CENTS, '--map', path('odd.json')), {
    code: 2,
    stderr: 'odd.json:1:35: "blance" is unknown: is it "balance"?',
  })
  t.match(await load('{}', '--dates', 'mdy'), {
    code: 2,
    stderr: '--dates is for CSV only: JSON files have cents and ISO dates',
  })
  const env = { DATABASE_URL: database.url }
  t.match(await run(t, ['import', path('nothing'), ...CENTS], env), {
    code: 1,
    stderr: /nothing: There is no such file. Nothing/,
  })
  t.match(await run(t, ['import', '.', ...CENTS], env), {
    code: 1,
    stderr: '.: This is a folder: name the files in it.',
  })
  t.match(await run(t, ['import', 'x', ...CENTS], { ...env, DATABASE_SCHEMA: 'agency' }), {
    code: 2,
    stderr: /DATABASE_SCHEMA is not tratta_jit: import loads the tables in tratta_jit/,
  })
  t.match((await run(t, ['import', path('nothing'), ...CENTS, '--json'], env)).lines, [
    { error: /There is no such file/ },
  ])
})
