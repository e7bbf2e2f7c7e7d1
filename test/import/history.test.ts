/** The record of imports, and `import --history`. */

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { openSync, writeFileSync, writeSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { program, run } from '../support/program.ts'
import { CENTS, startImporter } from './start-importer.ts'

t.jobs = 2

const HEAD = 'external_id,balance,customer_external_id,customer_name'
const GOOD = `${HEAD}\nA-1,100,C-1,Robin Sample\nA-2,200,C-1,Robin Sample\n`
const sha256 = (content: string | Buffer) => createHash('sha256').update(content).digest('hex')
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

t.test('each import is recorded', { buffered: true }, async (t) => {
  const { load, path, command, database } = await startImporter(t)
  const history = async () => (await command('import', '--history', '--json')).lines
  t.match(await command('import', '--history'), { code: 0, stdout: 'No import is recorded\n', stderr: '' })
  await load(GOOD, ...CENTS, '--dry-run')
  t.same(await history(), [], 'a dry run is not recorded')

  await load(GOOD, ...CENTS)
  const common = { os_user: userInfo().username, host: hostname() }
  const [loaded] = await history()
  t.match(loaded, { started_at: TIME, ended_at: TIME })
  t.ok(String(loaded!.started_at) <= String(loaded!.ended_at))
  t.same(
    { ...loaded, started_at: null, ended_at: null },
    {
      ...common,
      outcome: 'loaded',
      error: null,
      started_at: null,
      ended_at: null,
      options: { money: 'cents' },
      files: [{ file: 'given', sha256: sha256(GOOD), bytes: GOOD.length, rows: 2 }],
      rows: 2,
      rows_rejected: 0,
      counts: {
        locations: { added: 0, changed: 0, unchanged: 0 },
        customers: { added: 1, changed: 0, unchanged: 0 },
        debt_accounts: { added: 2, changed: 0, unchanged: 0 },
      },
      absent: { action: 'none', accounts: 0, of: 0, already_closed: 0, parents: 0 },
      rejected: [],
      adjustments: { omitted: [], changed: [], skipped: [] },
    },
  )

  const bad = `${HEAD}\nA-3,x,C-1,Robin Sample\nA-4,Secret Person,C-2,Ann Sample\n`
  await load(bad, ...CENTS)
  t.match((await history())[0], {
    outcome: 'rejected',
    files: [{ sha256: sha256(bad) }],
    counts: null,
    rows: 2,
    rows_rejected: 2,
    rejected: [{ code: 'invalid_money', field: 'debt_account.balance', rows: 2 }],
  })
  await load(`${HEAD}\nA-1,100,C-1,Robin Sample\n`, ...CENTS, '--snapshot')
  t.match((await history())[0], {
    outcome: 'refused',
    options: { money: 'cents', snapshot: true },
    counts: null,
    absent: { action: 'zero', accounts: 1, of: 2 },
  })
  const zipped = gzipSync(GOOD)
  writeFileSync(path('map.json'), '{"balance":"balance"}')
  await load(
    zipped,
    ...CENTS,
    '--snapshot',
    '--keep-good',
    '--rejects',
    path('r.csv'),
    '--map',
    path('map.json'),
  )
  t.match((await history())[0], {
    outcome: 'loaded',
    options: { rejects: 'r.csv', map: 'map.json' },
    files: [{ sha256: sha256(zipped), bytes: zipped.length }],
  })
  await command('import', path('given'), path('none.csv'), ...CENTS)
  t.same(
    { ...(await history())[0], started_at: null, ended_at: null },
    {
      ...common,
      outcome: 'failed',
      error: 'There is no such file',
      started_at: null,
      ended_at: null,
      options: { money: 'cents' },
      files: [{ file: 'given' }, { file: 'none.csv' }],
      rows: 2,
      rows_rejected: 0,
      counts: null,
      absent: null,
      rejected: [],
      adjustments: { omitted: [], changed: [], skipped: [] },
    },
  )
  const { stdout } = await command('import', '--history')
  t.match(
    stdout.replaceAll(/^\S+ \S+Z/gm, 'TIME').replaceAll(common.os_user, 'USER'),
    `TIME  failed    USER  given, none.csv: 2 rows, There is no such file
TIME  loaded    USER  given: 2 rows, 0 absent
TIME  refused   USER  given: 1 rows, 1 absent
TIME  rejected  USER  given: 2 rows, 2 rejected
TIME  loaded    USER  given: 2 rows
`,
  )
  const all = JSON.stringify(await database.query('select * from tratta_jit.imports'))
  t.notMatch(all, /Robin|Secret|Ann Sample|\/work|A-1|C-1/, 'no values, no folders')
  for (const [args, message] of [
    [['--history', 'file.csv'], '--history takes no FILE.'],
    [[], 'import needs a FILE.'],
  ] as const)
    t.match(await command('import', ...args), { code: 2, stderr: message })
})

t.test(
  'import reports that a file with the same content was loaded before',
  { buffered: true },
  async (t) => {
    const { load, path, event, command, database } = await startImporter(t)
    t.equal((await load(GOOD, ...CENTS)).stderr, '')
    writeFileSync(path('copy.csv'), GOOD)
    writeFileSync(path('other.csv'), `${HEAD}\nB-1,100,C-1,Robin Sample\n`)
    const [{ ended_at } = {}] = await database.query('select ended_at from tratta_jit.imports')
    const time = (ended_at as Date).toISOString()
    for (const dryRun of [['--dry-run'], []])
      t.match(await command('import', path('other.csv'), path('copy.csv'), ...CENTS, ...dryRun), {
        code: 0,
        stderr: `${path('copy.csv')}: a file with the same content was loaded before, at ${time}\n`,
      })
    const { lines } = await command('import', path('copy.csv'), ...CENTS, '--json')
    const events = lines.filter(({ event }) => event !== 'progress')
    t.match(events, [
      { event: 'loaded_before', file: path('copy.csv'), loaded_at: TIME },
      { event: 'imported' },
    ])
    // The content of a rejected file was not loaded.
    const bad = `${HEAD}\nA-3,x,C-1,Robin Sample\n`
    await load(bad, ...CENTS)
    t.equal((await load(bad, ...CENTS)).stderr, '')
    t.match(await event(`${GOOD}\n`, ...CENTS), { event: 'imported', loaded: true })
  },
)

t.test('a stopped import is recorded', { buffered: true }, async (t) => {
  const { database, path } = await startImporter(t)
  const env = { DATABASE_URL: database.url }
  const pipe = path('pipe')
  execFileSync('mkfifo', [pipe])
  writeSync(openSync(pipe, 'r+'), `${HEAD}\nA-1,1,C-1,Robin Sample\n`)
  const reading = program(t, ['import', pipe, ...CENTS], env)
  const started = `select from pg_stat_activity where datname = current_database()
    and application_name = 'tratta-jit import' and query like '%create temporary table staged_%'`
  while ((await database.query(started)).length === 0) await pause(50)
  reading.process.kill('SIGTERM')
  t.match(await reading.ended, { code: 1 })
  t.match((await run(t, ['import', '--history', '--json'], env)).lines, [
    { outcome: 'failed', error: 'Stopped', files: [{ file: 'pipe' }], counts: null },
  ])
})
