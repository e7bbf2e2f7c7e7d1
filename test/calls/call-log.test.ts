/** What `serve` stores in tratta_jit.calls. */
import { hash } from 'node:crypto'
import http from 'node:http'
import { hostname } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import t from 'tap'
import { AGENCY_SCHEMA } from '../support/agency-schema.ts'
import { call } from '../support/calls.ts'
import { MINIMUM, type TestDatabase, testDatabase } from '../support/database.ts'
import { readExposition, sampleOf } from '../support/exposition.ts'
import { SECRET, type Service, service } from '../support/program.ts'
import { serviceRole, testRole } from '../support/role.ts'

t.jobs = 3

const urlOf = ({ url }: Service, id: string, secret = SECRET) =>
  `${url}/jit/${secret}?debt_account_external_id=${encodeURIComponent(id)}`

async function get(url: string, init?: RequestInit) {
  const response = await fetch(url, init)
  return { status: response.status, text: await response.text() }
}

const CALLS = `select request_id, external_id, outcome, status, host(client) as client, replica, balance::text,
  current_balance::text, children, omitted, error, encode(body_sha256, 'hex') as sha256,
  (ms >= database_ms and database_ms >= connection_ms and connection_ms >= 0) as has_times,
  abs(extract(epoch from now() - time)) < 600 as is_recent
  from tratta_jit.calls order by time, request_id`

/** Polls until the table has this number of rows. */
async function storedCalls({ query }: Pick<TestDatabase, 'query'>, count: number) {
  for (;;) {
    const rows = await query(CALLS)
    if (rows.length >= count) return rows
    await pause(50)
  }
}

async function dropped({ adminUrl }: Service) {
  const text = await (await fetch(`${adminUrl}/metrics`)).text()
  return sampleOf(readExposition(text), 'tratta_jit_call_log_dropped_total')
}

const partitions = ({ query }: TestDatabase) =>
  query(`select relname::text, pg_get_userbyid(relowner) as owner, pg_get_expr(relpartbound, oid) as bound
    from pg_class join pg_inherits on inhrelid = oid
    where inhparent = 'tratta_jit.calls'::regclass order by relname`)

/** The Monday of the week, `weeks` after this one. */
function monday(weeks: number) {
  const date = new Date()
  date.setUTCDate(date.getUTCDate() - ((date.getUTCDay() + 6) % 7) + 7 * weeks)
  return date.toISOString().slice(0, 10)
}
const partitionOf = (weeks: number) => `calls_${monday(weeks).replaceAll('-', '')}`

t.test('each call with the correct secret is one row, and no other request is', async (t) => {
  const database = await testDatabase(t)
  await database.query(`${AGENCY_SCHEMA}
    insert into agency.customers (external_id, name, email, date_of_birth, ssn_last4, metadata) values
      ('c', 'Ann Tremaine', 'ann@nowhere', '1984-02-29', '9098', '{"a key of theirs": "${'x'.repeat(300)}"}');
    insert into agency.debt_accounts (external_id, parent_external_id, customer_external_id, balance, current_balance)
    values ('a', null, 'c', 9007199254740991, 86650), ('b', 'a', 'c', 5, null), ('none', null, null, null, null)`)
  const running = await service(t, database.url, {
    DATABASE_SCHEMA: 'agency',
    TRUSTED_PROXIES: '127.0.0.0/8',
  })
  const found = await get(urlOf(running, 'a'), { headers: { 'x-forwarded-for': '2001:db8::7' } })
  await get(urlOf(running, 'b'))
  await get(urlOf(running, 'nobody ☎'))
  await get(urlOf(running, 'none'))
  for (const id of ['', '\0', 'x'.repeat(256)]) await get(urlOf(running, id))
  // None of these is stored.
  for (const secret of ['wrong', `${SECRET}x`]) await get(urlOf(running, 'a', secret))
  for (let guess = 0; guess < 12; guess++) await get(urlOf(running, 'a', `${guess}`))
  await get(urlOf(running, 'a'), { method: 'POST', body: 'x'.repeat(2000) })
  await get(`${running.url}/jit`)
  await get(`${running.url}/health/ready`)
  await get(urlOf(running, 'last'))

  const rows = await storedCalls(database, 8)
  const common = { client: '127.0.0.1', replica: `${hostname()}:${running.process.pid}`, is_recent: true }
  const none = {
    balance: null,
    current_balance: null,
    children: null,
    omitted: null,
    error: null,
    sha256: null,
  }
  const notFound = { ...common, ...none, outcome: 'account_not_found', status: 404, has_times: true }
  const invalid = {
    ...notFound,
    external_id: null,
    outcome: 'invalid_parameter',
    status: 400,
    has_times: null,
  }
  t.same(
    rows.map(({ request_id, ...row }) => row),
    [
      {
        ...common,
        external_id: 'a',
        client: '2001:db8::7',
        outcome: 'answered',
        status: 200,
        balance: '9007199254740991',
        current_balance: '86650',
        children: 1,
        omitted: ['customer.email', 'customer.metadata.*', 'customer.metadata'],
        error: null,
        sha256: hash('sha256', found.text, 'hex'),
        has_times: true,
      },
      { ...rows[1], request_id: undefined, external_id: 'b', outcome: 'answered', balance: '5', children: 0 },
      { ...notFound, external_id: 'nobody ☎' },
      {
        ...notFound,
        external_id: 'none',
        outcome: 'account_not_sendable',
        status: 500,
        error: 'debt_account.balance',
      },
      invalid,
      invalid,
      invalid,
      { ...notFound, external_id: 'last' },
    ].map(({ request_id, ...row }: Record<string, unknown>) => row),
  )
  for (const { request_id, outcome, status } of rows) {
    const line = await running.requestLine(String(request_id))
    t.match(line, { outcome, status }, 'the log line has the same request id')
  }
  const [all] = await database.query('select json_agg(calls)::text as text from tratta_jit.calls')
  for (const value of ['Ann', 'nowhere', '1984', '9098', 'theirs', 'xxx', SECRET])
    t.notMatch(all!.text, value)
  t.equal(await dropped(running), 0)
})

t.test('a client that disconnects: a row without a status', async (t) => {
  const database = await testDatabase(t)
  await database.query(MINIMUM)
  const running = await service(t, database.url)
  const client = await lockAccounts(database.url)
  const disconnecting = http.get(urlOf(running, '123456')).on('error', () => {})
  await pause(300)
  disconnecting.destroy()
  await running.line(({ outcome }) => outcome === 'client_disconnected')
  await client.unlock()
  t.match(await storedCalls(database, 1), [
    { external_id: '123456', outcome: 'client_disconnected', status: null },
  ])
})

async function lockAccounts(url: string) {
  const client = new pg.Client(url)
  await client.connect()
  await client.query('begin; lock table tratta_jit.debt_accounts in access exclusive mode')
  return { unlock: () => client.end() }
}

t.test('a call right before SIGTERM is stored', async (t) => {
  const database = await testDatabase(t)
  const running = await service(t, database.url)
  await running.ask('nobody')
  running.process.kill('SIGINT')
  t.equal((await running.ended).code, 0)
  t.match(await database.query(CALLS), [{ external_id: 'nobody', outcome: 'account_not_found' }])
})

t.test('CALL_LOG_DAYS=0: calls are not stored, without a warning', async (t) => {
  const database = await testDatabase(t)
  const running = await service(t, database.url, { CALL_LOG_DAYS: '0' })
  t.equal((await running.ask('nobody')).status, 404)
  running.process.kill('SIGINT')
  await running.ended
  t.same(await database.query(CALLS), [])
  t.same(
    running.lines().filter(({ level }) => level === 'warn'),
    [],
  )
})

t.test('the role of docs/data.md creates and drops partitions', async (t) => {
  const database = await testDatabase(t)
  const { url } = await serviceRole(t, database, [])
  for (const weeks of [-2, -1])
    await database.query(`create table tratta_jit.${partitionOf(weeks)} partition of tratta_jit.calls
      for values from ('${monday(weeks)} 00:00Z') to ('${monday(weeks + 1)} 00:00Z')`)
  await database.query(`insert into tratta_jit.calls (time, request_id, outcome, ms, replica) values
    ('${monday(-2)} 00:00Z', 'dropped', 'answered', 1, 'r'), ('${monday(0)} 00:00Z'::timestamptz - '1 ms'::interval, 'kept', 'answered', 1, 'r'),
    (now() - interval '30 days', 'deleted', 'answered', 1, 'r'), (now() + interval '30 days', 'future', 'answered', 1, 'r')`)
  // Both replicas start at the same time.
  const env = { CALL_LOG_DAYS: '7' }
  const both = await Promise.all([service(t, url, env), service(t, url, env)])
  for (const running of both) await running.ask('nobody')
  const rows = await storedCalls(database, 4)
  t.same(rows.map(({ request_id, external_id }) => external_id ?? request_id).sort(), [
    'future',
    'kept',
    'nobody',
    'nobody',
  ])
  const bound = (weeks: number) =>
    `FOR VALUES FROM ('${monday(weeks)} 00:00:00+00') TO ('${monday(weeks + 1)} 00:00:00+00')`
  const owner = 'postgres'
  t.same(await partitions(database), [
    ...[-1, 0, 1, 2].map((weeks) => ({ relname: partitionOf(weeks), owner, bound: bound(weeks) })),
    { relname: 'calls_other', owner, bound: 'DEFAULT' },
  ])
  t.same(await database.query(`select count(*)::int from tratta_jit.${partitionOf(0)}`), [{ count: 2 }])
  for (const running of both)
    t.same(
      running.lines().filter(({ event }) => /^call_log_(off|maintenance_failed)$/.test(String(event))),
      [],
    )
})

t.test('maintain_calls: nobody without insert and delete on the table', async (t) => {
  const database = await testDatabase(t)
  const role = await testRole(t, database)
  const maintain = async (days: number) => {
    const client = new pg.Client(role.url)
    await client.connect()
    try {
      await client.query('select tratta_jit.maintain_calls($1)', [days])
    } finally {
      await client.end()
    }
  }
  await t.rejects(maintain(90), { code: '42501' })
  for (const privilege of [
    'usage on schema tratta_jit',
    'select on tratta_jit.calls',
    'insert on tratta_jit.calls',
  ]) {
    await database.query(`grant ${privilege} to ${role.name}`)
    await t.rejects(maintain(90), { code: '42501' }, privilege)
  }
  await database.query(`grant delete on tratta_jit.calls to ${role.name}`)
  await t.rejects(maintain(0), { code: '22023' }, 'no day')
  await t.resolves(maintain(1))
  t.equal((await partitions(database)).length, 4)
})

for (const [title, sql, message, remedy] of [
  [
    'a role that may not write',
    'revoke insert on tratta_jit.calls from ROLE',
    'calls are not stored: ROLE may not insert into and delete from tratta_jit.calls',
    'grant usage on schema tratta_jit to ROLE; grant select, insert, delete on tratta_jit.calls to ROLE',
  ],
  [
    'no table',
    'drop table tratta_jit.calls',
    'calls are not stored: the table tratta_jit.calls does not exist',
    'run `tratta-jit migrate`',
  ],
  [
    'a read-only database',
    'alter role ROLE set default_transaction_read_only = on',
    'calls are not stored: the database is read-only',
    'set DATABASE_URL to the primary',
  ],
] as const)
  t.test(`${title}: one warning, and calls are answered`, async (t) => {
    const database = await testDatabase(t)
    await database.query(MINIMUM)
    const role = await serviceRole(t, database, [])
    const named = (text: string) => text.replaceAll('ROLE', role.name)
    await database.query(named(sql))
    const running = await service(t, role.url, {}, ['--no-migrate'])
    for (let count = 0; count < 3; count++) t.equal((await running.ask('123456')).status, 200)
    await pause(1500)
    t.same(
      running.lines().flatMap(({ level, time, ...line }) => (level === 'warn' ? [line] : [])),
      [{ event: 'call_log_off', message: named(message), remedy: named(remedy) }],
    )
    t.equal(await dropped(running), 0)
  })

t.test('a row that Postgres rejects is dropped, and the other rows are stored', async (t) => {
  const database = await testDatabase(t)
  await database.query(`alter table tratta_jit.calls add check (external_id <> 'rejected')`)
  const running = await service(t, database.url)
  const agent = new http.Agent({ keepAlive: true, maxSockets: 10 })
  const ids = Array.from({ length: 60 }, (_, at) => (at % 20 === 7 ? 'rejected' : `id-${at}`))
  await Promise.all(ids.map((id) => call(urlOf(running, id), agent)))
  agent.destroy()
  const rows = await storedCalls(database, 57)
  t.same(rows.map(({ external_id }) => external_id).sort(), ids.filter((id) => id !== 'rejected').sort())
  while ((await dropped(running)) !== 3) await pause(50)
  running.process.kill('SIGINT')
  await running.ended
  t.same(
    running.lines().flatMap(({ event, calls }) => (event === 'call_log_dropped' ? [calls] : [])),
    [3],
  )
})
