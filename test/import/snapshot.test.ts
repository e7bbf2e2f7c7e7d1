/** Accounts of the tables that are not in the files. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import t from 'tap'
import { startBulk } from '../bulk/start-bulk.ts'
import { program, run } from '../support/program.ts'
import { CENTS, startImporter, tablesOf } from './start-importer.ts'

t.jobs = 2

const HEAD = 'external_id,parent_external_id,balance,current_balance,customer_external_id,customer_name'
const many = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => `N-${from + at},,100,100,C-1,Ann Sample`)
const lines = (...rows: string[]) => `${[HEAD, ...rows].join('\n')}\n`
const BALANCES = `select external_id, current_balance::int from tratta_jit.debt_accounts
  where external_id not like 'N-%' order by 1`
const LIMIT = ['--snapshot', '--max-absent', '100']

t.test('import counts the accounts of the tables that are not in the file', { buffered: true }, async (t) => {
  const { load, event, database } = await startImporter(t)
  await load(lines('A-1,,100,100,,', 'A-2,,100,,,', 'A-3,,100,0,,', 'A-4,,100,50,,'), ...CENTS)
  const before = await database.query(BALANCES)
  t.match(await load(lines('A-1,,100,100,,'), ...CENTS), {
    code: 0,
    stdout:
      /\n {8}2 accounts of the tables are absent from the input: unchanged \(with --snapshot their current_balance is set to 0\)\n {8}1 account of the tables is absent, with current_balance 0 already\n$/,
  })
  t.match(await event(lines('A-1,,100,100,,'), ...CENTS), {
    absent: { action: 'none', accounts: 2, of: 3, already_closed: 1 },
  })
  t.notOk('absent' in (await event('customer_external_id,customer_name\nC-1,Ann Sample\n', ...CENTS)))
  t.same(await database.query(BALANCES), before)
})

t.test(
  '--snapshot sets absent accounts to 0, and their parents to the sum of the children',
  { buffered: true },
  async (t) => {
    const { load, event, command, database } = await startImporter(t)
    const all = [
      'SUM,,300,250,C-1,Ann Sample',
      'SUM-1,SUM,100,100,C-1,Ann Sample',
      'SUM-2,SUM,200,150,C-1,Ann Sample',
      'OWN,,900,900,C-1,Ann Sample',
      'OWN-1,OWN,100,100,C-1,Ann Sample',
      'ZERO,,0,0,C-1,Ann Sample',
      'ZERO-1,ZERO,100,,C-1,Ann Sample',
      'KEPT,,300,300,C-1,Ann Sample',
      'KEPT-1,KEPT,100,100,C-1,Ann Sample',
      'KEPT-2,KEPT,200,200,C-1,Ann Sample',
      'PAID,,100,0,C-1,Ann Sample',
    ]
    await load(lines(...all, ...many(1, 90)), ...CENTS)
    const second = lines(
      ...all.filter((row) => !/^(SUM-2|OWN-1|ZERO-1|KEPT|KEPT-2|PAID),/.test(row)),
      ...many(1, 89),
      'NEW,,1,1,C-1,Ann Sample',
    )
    const expected = {
      rows: 95,
      debt_accounts: { added: 1, changed: 0, unchanged: 94 },
      absent: {
        action: 'zero',
        accounts: 5,
        of: 99,
        already_closed: 1,
        external_ids: ['KEPT-2', 'N-90', 'OWN-1', 'SUM-2', 'ZERO-1'],
        parents: 2,
        parent_external_ids: ['KEPT', 'SUM'],
      },
    }
    const before = await tablesOf(database)
    const dry = await event(second, ...CENTS, '--snapshot', '--dry-run')
    t.match(dry, { event: 'dry_run', loaded: false, ...expected })
    t.equal(await tablesOf(database), before, 'a dry run changes nothing')
    t.match(await event(second, ...CENTS, '--snapshot'), { event: 'imported', loaded: true, ...expected })
    t.same(
      Object.fromEntries(
        (await database.query(BALANCES)).map(({ external_id, current_balance }) => [
          external_id,
          current_balance,
        ]),
      ),
      {
        ...{ SUM: 100, 'SUM-1': 100, 'SUM-2': 0 },
        ...{ OWN: 900, 'OWN-1': 0 },
        ...{ ZERO: 0, 'ZERO-1': 0 },
        ...{ KEPT: 100, 'KEPT-1': 100, 'KEPT-2': 0 },
        ...{ PAID: 0, NEW: 1 },
      },
    )
    t.match(JSON.parse((await command('lookup', 'SUM')).stdout).data, {
      debt_account: { external_id: 'SUM', balance: 300, current_balance: 100 },
      child_debt_accounts: [
        { external_id: 'SUM-1', current_balance: 100 },
        { external_id: 'SUM-2', balance: 200, current_balance: 0 },
      ],
    })
    t.match(await event(second, ...CENTS, '--snapshot'), {
      absent: { action: 'zero', accounts: 0, already_closed: 6, external_ids: [] },
    })
    t.match(
      (await database.query(BALANCES)).find(({ external_id }) => external_id === 'SUM'),
      {
        current_balance: 100,
      },
    )
    t.match(await load(lines(...many(1, 88)), ...CENTS, ...LIMIT), {
      code: 0,
      stdout:
        /: loaded, 88 rows\n[\s\S]* {8}7 accounts of the tables are absent from the input: current_balance set to 0\n {12}KEPT, KEPT-1, N-89, NEW, OWN, SUM, SUM-1\n/,
    })
  },
)

t.test(
  '--absent delete deletes absent accounts, but no parent of an account in the file',
  { buffered: true },
  async (t) => {
    const { load, event, database } = await startImporter(t)
    await load(lines('G,,1,1,,', 'P,G,1,1,,', 'C,P,1,1,,', 'X,,1,0,,', 'Y,X,1,1,,'), ...CENTS)
    const options = [...CENTS, ...LIMIT, '--absent', 'delete']
    const expected = { action: 'delete', accounts: 2, of: 5, already_closed: 0, external_ids: ['X', 'Y'] }
    t.match(await event(lines('C,P,1,1,,'), ...options, '--dry-run'), { loaded: false, absent: expected })
    t.match(await event(lines('C,P,1,1,,'), ...options), { loaded: true, absent: expected })
    t.match(await database.query(BALANCES), [
      { external_id: 'C' },
      { external_id: 'G' },
      { external_id: 'P' },
    ])
  },
)

t.test(
  '--snapshot loads nothing if more accounts are absent than --max-absent allows',
  { buffered: true },
  async (t) => {
    const { load, event, database } = await startImporter(t)
    // Accounts with a current_balance of 0 do not count.
    const paid = Array.from({ length: 50 }, (_, at) => `PAID-${at},,100,0,,`)
    await load(lines(...many(1, 20), ...paid), ...CENTS)
    const before = await tablesOf(database)
    const tooMany = lines(...many(1, 17), 'NEW,,1,1,,')
    for (const dryRun of [[], ['--dry-run']])
      t.match(await load(tooMany, ...CENTS, '--snapshot', ...dryRun), {
        code: 1,
        stdout:
          /: nothing loaded, because 3 of 20 accounts with a balance \(15 %\) are absent from the input, and --max-absent allows 10 %\. If the input is the whole portfolio, use --max-absent 15\. Otherwise import the whole portfolio, or import without --snapshot\n/,
      })
    t.match(await event(tooMany, ...CENTS, '--snapshot', '--max-absent', '14.9%'), {
      loaded: false,
      absent: { accounts: 3, refused: true },
    })
    t.match(await load(`${HEAD}\n`, ...CENTS, ...LIMIT), {
      code: 1,
      stderr: /--snapshot needs the whole portfolio, and the files have no accounts. Nothing is loaded.\n$/,
    })
    t.equal(await tablesOf(database), before)
    t.match(await event(lines(...many(1, 18)), ...CENTS, '--snapshot'), {
      loaded: true,
      absent: { accounts: 2 },
    })
    t.match(await event(lines(...many(1, 15)), ...CENTS, '--snapshot', '--max-absent', '17%'), {
      loaded: true,
      absent: { accounts: 3, of: 18 },
    })
  },
)

t.test('--snapshot changes no absent account while rows are rejected', { buffered: true }, async (t) => {
  const { load, path, event, database } = await startImporter(t)
  await load(lines(...many(1, 20), 'A-1,,100,100,,', 'A-2,,100,100,,'), ...CENTS)
  const bad = lines(...many(1, 20), 'A-2,,x,1,,')
  t.match(await load(bad, ...CENTS, '--snapshot'), {
    code: 1,
    stdout: 'nothing loaded, because 1 of 21 rows',
  })
  t.match(await event(bad, ...CENTS, '--snapshot', '--keep-good', '--rejects', path('rejects.csv')), {
    loaded: true,
    rows_rejected: 1,
    absent: { action: 'none', accounts: 1 },
  })
  t.match(await load(bad, ...CENTS, '--snapshot', '--keep-good', '--rejects', path('more.csv')), {
    code: 3,
    stdout: '1 account of the tables is absent from the input: unchanged, because rows are rejected\n',
  })
  t.match(await database.query(BALANCES), [{ current_balance: 100 }, { current_balance: 100 }])
})

t.test('invalid options of --snapshot', { buffered: true }, async (t) => {
  const { load } = await startImporter(t)
  for (const [options, message] of [
    [['--absent', 'zero'], '--absent needs --snapshot.'],
    [['--max-absent', '5'], '--max-absent needs --snapshot.'],
    [['--snapshot', '--absent', 'keep'], 'Allowed choices are zero, delete.'],
    [['--snapshot', '--max-absent', '101'], '--max-absent must be a percentage from 0 to 100.'],
    [['--snapshot', '--max-absent', '-1'], '--max-absent must be a percentage from 0 to 100.'],
  ] as const)
    t.match(await load(lines(), ...CENTS, ...options), { code: 2, stderr: message })
})

t.test(
  'an import with --snapshot that is killed or stopped changes nothing',
  { buffered: true },
  async (t) => {
    const { load, path, database } = await startImporter(t)
    await load(lines(...many(1, 20)), ...CENTS)
    const before = await tablesOf(database)
    for (const signal of ['SIGKILL', 'SIGINT'] as const) {
      const other = new pg.Client(database.url)
      await other.connect()
      // Blocks the update of the absent account, after the merge of the new one.
      await other.query("begin; select from tratta_jit.debt_accounts where external_id = 'N-20' for update")
      writeFileSync(path('next.csv'), lines(...many(1, 19), 'NEW,,1,1,,'))
      const running = program(t, ['import', path('next.csv'), ...CENTS, '--snapshot'], {
        DATABASE_URL: database.url,
      })
      const waiting = `select from pg_stat_activity where datname = current_database()
      and application_name = 'tratta-jit import' and wait_event_type = 'Lock'`
      while ((await database.query(waiting)).length === 0) await pause(50)
      running.process.kill(signal)
      const { code } = await running.ended
      t.equal(code, signal === 'SIGINT' ? 1 : null)
      await other.end()
      const connected =
        "select from pg_stat_activity where datname = current_database() and application_name = 'tratta-jit import'"
      while ((await database.query(connected)).length > 0) await pause(50)
      t.equal(await tablesOf(database), before, signal)
    }
  },
)

t.test('bulk push sends the accounts that --snapshot set to 0', { buffered: true }, async (t) => {
  const { database, env, bulk, sent } = await startBulk(t)
  const file = join(t.testdir({}), 'accounts.csv')
  for (const rows of [
    ['A-1,,100,100,C-1,Ann Sample', 'A-2,,100,100,C-1,Ann Sample'],
    ['A-1,,100,100,C-1,Ann Sample'],
  ]) {
    writeFileSync(file, lines(...rows))
    t.match(await run(t, ['import', file, ...CENTS, ...LIMIT], env), { code: 0 })
  }
  t.match(await database.query(BALANCES), [{ current_balance: 100 }, { current_balance: 0 }])
  t.match(await bulk('push'), { code: 0 })
  t.match(sent(), [
    [
      {
        customer: { external_id: 'C-1' },
        debt_accounts: [
          { external_id: 'A-1', balance: 100, current_balance: 100 },
          { external_id: 'A-2', balance: 100, current_balance: 0 },
        ],
      },
    ],
  ])
})
