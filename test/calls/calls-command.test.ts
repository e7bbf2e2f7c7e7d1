/** `calls` and the record of reads. */
import { readFileSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import pg from 'pg'
import t from 'tap'
import { startBulk } from '../bulk/start-bulk.ts'
import { MINIMUM, testDatabase } from '../support/database.ts'
import { program, run, SECRET, service } from '../support/program.ts'
import { hasPseudoTerminal, programOnTerminal } from '../support/pseudo-terminal.ts'
import { serviceRole } from '../support/role.ts'
import { startSimulator } from '../support/simulator.ts'
import { trattaSettings } from '../tratta/settings.ts'

t.jobs = 3

const INSERT = `insert into tratta_jit.calls (time, request_id, external_id, outcome, status, ms, connection_ms,
  database_ms, replica, client, balance, current_balance, children, omitted, error, body_sha256) values`

const THREE_CALLS = `${INSERT}
  ('2026-03-01 10:00:00.5Z', 'request-1', 'A-1', 'answered', 200, 12.34, 0.5, 3.25, 'host-a:7', '192.0.2.7',
    184250, 121900, 3, '{customer.email}', null, '\\xab'),
  ('2026-03-01 11:00:00Z', 'request-2', 'B', 'account_not_found', 404, 700, 0.1, 1, 'host-b:7', '2001:db8::7',
    null, null, null, null, null, null),
  ('2026-03-01 12:00:00Z', 'request-3', null, 'client_disconnected', null, 5001.5, null, null, 'host-b:7', null,
    null, null, null, null, '57014', null)`

async function withCalls(t: Parameters<typeof testDatabase>[0], sql = THREE_CALLS) {
  const database = await testDatabase(t)
  await database.query(sql)
  const env = { DATABASE_URL: database.url }
  return { database, env, calls: (...words: string[]) => run(t, ['calls', ...words], env) }
}

t.test('calls: a table, newest first, and JSON lines', async (t) => {
  const { calls } = await withCalls(t)
  t.same(await calls(), {
    code: 0,
    stdout: `time (UTC)               account       outcome              request_id            ms     current     balance  status   db ms  children  client           replica     omitted, error
2026-03-01 12:00:00.000  -             client_disconnected  request-3         5001.5                               -                                     host-b:7    57014
2026-03-01 11:00:00.000  B             account_not_found    request-2          700.0                             404     1.0            2001:db8::7      host-b:7
2026-03-01 10:00:00.500  A-1           answered             request-1           12.3   $1,219.00   $1,842.50     200     3.3         3  192.0.2.7        host-a:7    customer.email
`,
    stderr: '',
    lines: [],
  })
  const { lines } = await calls('--json')
  t.same(
    lines.map(({ request_id }) => request_id),
    ['request-3', 'request-2', 'request-1'],
  )
  t.same(lines[2], {
    time: '2026-03-01T10:00:00.500Z',
    request_id: 'request-1',
    external_id: 'A-1',
    outcome: 'answered',
    status: 200,
    ms: 12.34,
    connection_ms: 0.5,
    database_ms: 3.25,
    replica: 'host-a:7',
    client: '192.0.2.7',
    balance: 184250,
    current_balance: 121900,
    children: 3,
    omitted: ['customer.email'],
    error: null,
    body_sha256: 'ab',
  })
})

t.test('calls: filters', async (t) => {
  const { calls, database } = await withCalls(t)
  await database.query(`${INSERT} (now() - interval '90 minutes', 'recent', 'A-1', 'answered', 200, 1, null, null, 'r', null,
    1, 1, 0, null, null, null)`)
  const found = async (...words: string[]) => {
    const { code, stderr, lines } = await calls('--json', ...words)
    t.same([code, stderr], [0, lines.length > 0 ? '' : stderr])
    return lines.map(({ request_id }) => request_id)
  }
  t.same(await found('--account', 'A-1'), ['recent', 'request-1'])
  t.same(await found('--account', 'A'), [])
  t.same(await found('--outcome', 'account_not_found'), ['request-2'])
  t.same(await found('--since', '2h'), ['recent'])
  t.same(await found('--since', '60m'), [])
  t.same(await found('--since', '2026-03-01T11:00', '--outcome', 'client_disconnected'), ['request-3'])
  t.same(await found('--since', '2026-03-01T11:30:00+01:00', '--slower-than', '699.9'), [
    'request-3',
    'request-2',
  ])
  t.same(await found('--slower-than', '700'), ['request-3'])
  t.same(await found('--limit', '2'), ['recent', 'request-3'])
  t.match(await calls('--account', 'nobody'), { code: 0, stderr: 'No calls\n' })
})

t.test('calls: more than one page, with equal times', async (t) => {
  const { calls } = await withCalls(
    t,
    `insert into tratta_jit.calls (time, request_id, outcome, ms, replica)
    select '2026-03-01'::timestamptz + number / 3 * interval '1 ms', lpad(number::text, 5, '0'), 'answered', 1, 'r'
    from generate_series(1, 2500) as number`,
  )
  const { lines } = await calls('--limit', '2400', '--json')
  t.same(
    lines.map(({ request_id }) => Number(request_id)),
    Array.from({ length: 2400 }, (_, at) => 2500 - at),
  )
})

t.test('calls: usage errors', async (t) => {
  const usage: [string[], string][] = [
    [['--since', 'yesterday'], '--since must be an age, such as 90s, 30m, 2h or 7d, or a time in UTC'],
    [['--since', '2026-02-30T25:00'], '--since must be'],
    [['--slower-than', '-1'], '--slower-than must be a number of milliseconds'],
    [['--limit', '0'], '--limit must be a number of calls'],
    [['--outcome', 'wrong_secret'], 'Allowed choices are answered, client_disconnected, invalid_parameter'],
    [['--compare', 'a', '--follow'], '--compare and --follow cannot be combined'],
    [['--audit', '--outcome', 'answered'], '--audit and --outcome cannot be combined'],
  ]
  for (const [words, message] of usage) {
    const { code, stdout, stderr } = await run(t, ['calls', ...words], {
      DATABASE_URL: 'postgres://127.0.0.1:1/a',
    })
    t.same([code, stdout], [2, ''], words.join(' '))
    t.ok(stderr.includes(message), stderr)
  }
})

t.test('calls without a call log: what to do', async (t) => {
  const { calls, database, env } = await withCalls(t)
  const role = await serviceRole(t, database, [])
  t.match(await run(t, ['calls'], { ...env, CALL_LOG_DAYS: '0' }), {
    code: 1,
    stdout: '',
    stderr: /^The call log is off, because CALL_LOG_DAYS is 0\. Set CALL_LOG_DAYS/,
  })
  await database.query(`revoke select on tratta_jit.calls from ${role.name}`)
  t.match(await run(t, ['calls', '--json'], { DATABASE_URL: role.url }), {
    code: 1,
    lines: [{ error: /may not read tratta_jit\.calls and tratta_jit\.reads\. Run `tratta-jit check`/ }],
  })
  await database.query('drop table tratta_jit.calls, tratta_jit.reads')
  for (const words of [[], ['--follow'], ['--audit'], ['--compare', 'a']])
    t.match(await calls(...words), { code: 1, stdout: '', stderr: /run `tratta-jit migrate` first/ })
})

t.test('calls --follow: calls of all replicas, also when an earlier one is stored later', async (t) => {
  const { database, env } = await withCalls(t)
  const row = (time: string, id: string) =>
    `${INSERT} (${time}, '${id}', 'A', 'answered', 200, 1, null, null, 'r', null, 1, 1, 0, null, null, null)`
  const replicas = await Promise.all([service(t, database.url), service(t, database.url)])
  await database.query(row("now() - interval '1 minute'", 'before'))
  const following = program(t, ['calls', '--follow', '--limit', '1', '--json'], env)
  await following.line(({ request_id }) => request_id === 'before')
  const slow = new pg.Client(database.url)
  await slow.connect()
  await slow.query(`begin; ${row("now() - interval '5 minutes'", 'stored-late')}`)
  await database.query(row('now()', 'first'))
  await following.line(({ request_id }) => request_id === 'first')
  for (const { ask } of replicas) await ask('nobody')
  const replicaOf = (at: number) => `${hostname()}:${replicas[at]!.process.pid}`
  for (const at of [0, 1]) await following.line(({ replica }) => replica === replicaOf(at))
  await slow.query('commit')
  await slow.end()
  await following.line(({ request_id }) => request_id === 'stored-late')
  await database.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and query like '%pg_visible_in_snapshot%'",
  )
  await database.query(row('now()', 'after-the-connection-broke'))
  await following.line(({ request_id }) => request_id === 'after-the-connection-broke')
  following.process.kill('SIGINT')
  t.equal((await following.ended).code, 0)
  const ids = following.lines().map(({ request_id, replica }) => (replica === 'r' ? request_id : replica))
  t.same(
    [...ids].sort(),
    ['after-the-connection-broke', 'first', replicaOf(0), replicaOf(1), 'before', 'stored-late'].sort(),
  )
})

t.test('calls --follow: filters, and the last calls in their order', async (t) => {
  const { database, env } = await withCalls(t)
  const following = program(t, ['calls', '--follow', '--outcome', 'account_not_found', '--json'], env)
  await following.line(({ request_id }) => request_id === 'request-2')
  const running = await service(t, database.url)
  await run(t, ['calls', '--limit', '1'], env)
  await fetch(`${running.url}/jit/${SECRET}?debt_account_external_id=`)
  await running.ask('after')
  await following.line(({ external_id }) => external_id === 'after')
  t.same(
    following.lines().map(({ outcome }) => outcome),
    ['account_not_found', 'account_not_found'],
  )
})

t.test('calls --compare: amounts, counts, omitted fields and other fields that differ', async (t) => {
  const database = await testDatabase(t)
  await database.query(readFileSync('sample/accounts.sql', 'utf8'))
  const running = await service(t, database.url)
  for (const id of ['A-500100', 'A-500200', 'nobody', '']) await running.ask(id)
  while ((await database.query('select from tratta_jit.calls')).length < 4);
  const rows = await database.query('select request_id, external_id from tratta_jit.calls')
  const idOf = (account: string | null) =>
    String(rows.find(({ external_id }) => external_id === account)!.request_id)
  const compare = (account: string | null, ...words: string[]) =>
    run(t, ['calls', '--compare', idOf(account), ...words], { DATABASE_URL: database.url })

  t.match(await compare('A-500100'), {
    code: 0,
    stdout: /^call [\da-f]{16} for A-500100 at .* UTC: the same would be sent now\n$/,
    stderr: '',
  })
  t.match(await compare('nobody'), { code: 0, stdout: /the same would be sent now/ })
  t.match(await compare(null), { code: 1, stdout: '', stderr: /^This call has no account/ })
  t.match(await run(t, ['calls', '--compare', 'unknown'], { DATABASE_URL: database.url }), {
    code: 1,
    stderr: 'The call log has no call with this request id\n',
  })

  await database.query(`update tratta_jit.debt_accounts set balance = 184251, current_balance = null where external_id = 'A-500100';
    delete from tratta_jit.debt_accounts where external_id = 'A-500101';
    update tratta_jit.customers set name = 'Another Name';
    insert into tratta_jit.debt_accounts (external_id, balance) values ('nobody', 5)`)
  const changed = await compare('A-500100')
  t.match(changed, {
    code: 3,
    stdout:
      /: this differs now\n {2}balance: sent \$1,842\.50, now \$[\d,.]+\n {2}current_balance: sent \$1,219\.00, now .+\n {2}children: sent 3, now 2\n$/,
  })
  t.match(await compare('A-500200'), {
    code: 3,
    stdout: /: this differs now\n {2}other fields \(the log does not have their values\)\n$/,
  })
  t.match(await compare('nobody', '--json'), {
    code: 3,
    lines: [
      {
        external_id: 'nobody',
        differences: [{ field: 'outcome', sent: 'account_not_found', now: 'answered' }],
      },
    ],
  })
  t.match((await database.query('select command, external_id from tratta_jit.reads order by time'))[0], {
    command: 'calls --compare',
    external_id: 'A-500100',
  })
})

t.test('calls --account: with uploads, rejections and triggers', async (t) => {
  const { database, calls } = await withCalls(t)
  await database.query(`
    insert into tratta_jit.bulk_targets (api_url) values ('https://tratta.example/api/v1');
    insert into tratta_jit.bulk_runs (target, kind, host, pid) values (1, 'all', 'h', 1);
    insert into tratta_jit.bulk_requests (run, state, row_count, debt_accounts, bulk_id, created_at, sent_at) values
      (1, 'settled', 1, 2, 'bulk-7', '2026-03-01 08:00Z', '2026-03-01 09:00Z');
    insert into tratta_jit.bulk_rows values (1, 1, 'C-1', '', 1, '{A-1,A-2}', '{0,0}', 0);
    insert into tratta_jit.bulk_rejections (target, customer_external_id, location_external_id, debt_account_external_id,
      rejected_by, code, reasons, request, run, found_at) values
      (1, 'C-1', '', 'A-2', 'tratta', 'validation', '{debt_account.balance: must be 0 or more}', 1, 1, '2026-03-01 09:30Z'),
      (1, 'C-2', '', 'A-3', 'us', 'validation', '{customer.name: is missing}', null, 1, '2026-03-01 09:40Z');
    insert into tratta_jit.reads (time, user_name, host, command, external_id, result) values
      ('2026-03-01 10:30Z', 'ann', 'h', 'trigger', 'A-1', 'accepted'), ('2026-03-01 10:31Z', 'ann', 'h', 'lookup', 'A-1', null)`)
  const ofCalls = (stdout: string) =>
    stdout
      .split('\n')
      .slice(1, -1)
      .map((line) => line.slice(0, 80).trimEnd())
  t.same(
    ofCalls((await calls('--account', 'A-1')).stdout),
    [
      '2026-03-01 10:30:00.000  trigger by ann: accepted',
      '2026-03-01 10:00:00.500  A-1           answered           request-1           12.3',
      '2026-03-01 09:00:00.000  bulk push (run 1, bulk_id bulk-7): accepted',
    ].map((line) => line.slice(0, 80)),
  )
  t.same((await calls('--account', 'A-2', '--json')).lines, [
    {
      time: '2026-03-01T09:30:00.000Z',
      event: 'rejected',
      text: 'rejected by tratta (run 1, bulk_id bulk-7): debt_account.balance: must be 0 or more',
      external_id: 'A-2',
    },
    {
      time: '2026-03-01T09:00:00.000Z',
      event: 'uploaded',
      text: 'bulk push (run 1, bulk_id bulk-7): rejected',
      external_id: 'A-2',
    },
  ])
  t.same(
    (await calls('--account', 'A-3', '--json')).lines.map(({ text }) => text),
    ['rejected by us (run 1): customer.name: is missing'],
  )
})

t.test('lookup, trigger and bulk errors --rows are recorded, and calls --audit prints them', async (t) => {
  const { bulk, database } = await startBulk(t)
  await database.query(MINIMUM)
  const { simulator } = await startSimulator(t, { requestsPerMinute: Number.POSITIVE_INFINITY })
  const { url } = await service(t, database.url)
  const env = trattaSettings(database.url, simulator.url, url)
  await run(t, ['register'], env)
  t.match(await run(t, ['lookup', 'nobody'], env), { code: 1, stderr: 'No such debt account\n' })
  t.match(await run(t, ['trigger', '123456'], env), { code: 0, stderr: '' })
  t.match(await run(t, ['trigger', 'nobody'], env), { code: 1, stderr: '' })
  await bulk('push')
  await bulk('errors')
  await bulk('errors --rows')
  const { lines } = await run(t, ['calls', '--audit', '--json'], env)
  const common = { user_name: userInfo().username, database_user: 'postgres', host: hostname(), result: null }
  t.match(
    lines.map(({ time, ...line }) => line),
    [
      { ...common, command: 'bulk errors --rows', external_id: null },
      {
        ...common,
        command: 'trigger',
        external_id: 'nobody',
        result: /^account_not_found, request_id [\da-f]{16}$/,
      },
      { ...common, command: 'trigger', external_id: '123456', result: 'accepted' },
      { ...common, command: 'lookup', external_id: 'nobody' },
    ],
  )
  t.equal(lines.length, 4)
  t.same(
    (await run(t, ['calls', '--audit', '--account', '123456', '--json'], env)).lines.map(
      ({ command }) => command,
    ),
    ['trigger'],
  )
  const table = await run(t, ['calls', '--audit', '--limit', '1'], env)
  t.match(
    table.stdout,
    /^time \(UTC\) +user +command +account +host +database user +result\n20\S+ \S+ {2}\S+ +bulk errors --rows +- /,
  )
})

t.test('a read that cannot be recorded: a warning, and the command works', async (t) => {
  const database = await testDatabase(t)
  await database.query(MINIMUM)
  const role = await serviceRole(t, database, [])
  const warned = (meaning: string) =>
    `Warning: this read is not recorded in tratta_jit.reads (${meaning}). \`tratta-jit check\` prints the remedy.\n`
  const cases = [
    [`revoke insert on tratta_jit.reads from ${role.name}`, 'permission denied'],
    [`alter role ${role.name} set default_transaction_read_only = on`, 'the server is read-only'],
    ['drop table tratta_jit.reads', 'a table or view does not exist'],
  ] as const
  for (const [sql, meaning] of cases) {
    await database.query(sql)
    if (sql.startsWith('alter')) await database.query(`grant insert on tratta_jit.reads to ${role.name}`)
    t.match(await run(t, ['lookup', '123456'], { DATABASE_URL: role.url }), {
      code: 0,
      stdout: /"balance": 2000/,
      stderr: warned(meaning),
    })
  }
})

t.test('calls on a terminal of 80 columns: no line is longer', { skip: !hasPseudoTerminal }, async (t) => {
  const { env } = await withCalls(
    t,
    `${THREE_CALLS}, ('2026-03-01 13:00:00Z', 'request-4', E'A-4 \\u202e', 'account_not_sendable',
    500, 1, 1, 1, 'r', null, null, null, null, null, 'debt_account.balance', null)`,
  )
  const { ended, output } = programOnTerminal(t, ['calls'], env, 80)
  t.equal(await ended, 0)
  const lines = output().trimEnd().split('\n')
  t.equal(lines.length, 5)
  for (const line of lines) t.ok(line.length <= 80, line)
  t.match(lines[0], /^time \(UTC\) +account +outcome/)
  t.match(lines[1], 'A-4 \\u202e', 'control characters are escaped')
})
