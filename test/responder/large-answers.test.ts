/** Responses near and above JIT_MAX_ANSWER_BYTES, and their memory. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { call, tally } from '../support/calls.ts'
import { testDatabase } from '../support/database.ts'
import { SECRET, service } from '../support/program.ts'

/** The limit in deploy/kubernetes/base. */
const MEMORY_LIMIT_MB = 384

/** An account whose answer has about this number of bytes, in children of 2,000 bytes. */
const family = (id: string, bytes: number) => `
  insert into tratta_jit.debt_accounts (external_id, balance) values ('${id}', 5);
  insert into tratta_jit.debt_accounts (external_id, parent_external_id, balance, metadata)
  select '${id}-' || n, '${id}', 5,
    jsonb_build_object('a', repeat('x', 250), 'b', repeat('y', 250), 'c', repeat('z', 250), 'd', repeat('w', 250))
  from generate_series(1, ${Math.round(bytes / 1120)}) n;`

const peakMb = (pid: number | undefined) =>
  Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024)

const jit = (url: string, id: string) => `${url}/jit/${SECRET}?debt_account_external_id=${id}`

t.test('GET /jit for an answer above JIT_MAX_ANSWER_BYTES: 500 account_too_large', async (t) => {
  const database = await testDatabase(t)
  await database.query(family('large', 60_000) + family('small', 30_000))
  const { ask, adminUrl, requestLine } = await service(t, database.url, { JIT_MAX_ANSWER_BYTES: '50000' })
  t.equal((await ask('small')).status, 200)
  const { status, body } = await ask('large')
  const { request_id, detail, ...rest } = body as Record<string, string>
  t.equal(status, 500)
  t.same(rest, {
    type: 'about:blank',
    title: 'The debt account is larger than JIT_MAX_ANSWER_BYTES',
    status: 500,
    code: 'account_too_large',
  })
  t.match(detail, /^the answer has \d+ bytes, JIT_MAX_ANSWER_BYTES is 50000$/)
  t.match(await requestLine(request_id!), { outcome: 'account_too_large' })
  t.match(
    await (await fetch(`${adminUrl}/metrics`)).text(),
    'tratta_jit_calls_total{outcome="account_too_large"} 1',
  )
})

t.test('GET /jit for a column of 100 MB: 500 account_too_large, and the memory does not grow', async (t) => {
  const database = await testDatabase(t)
  await database.query(`
    create schema agency;
    create view agency.debt_accounts as
      select '1' as external_id, 5 as balance, repeat('x', 100000000) as external_account_number;
    create view agency.customers as select * from tratta_jit.customers;
    create view agency.locations as select * from tratta_jit.locations`)
  const running = await service(t, database.url, { DATABASE_SCHEMA: 'agency', JIT_DEADLINE_MS: '9000' })
  const before = peakMb(running.process.pid)
  for (let count = 0; count < 3; count++)
    t.match(await running.ask('1'), { status: 500, body: { code: 'account_too_large' } })
  const after = peakMb(running.process.pid)
  t.ok(after < before + 40, `${before} MB before, ${after} MB after`)
})

t.test('20 concurrent GET /jit for answers of 4.9 MB: each is answered by the deadline', async (t) => {
  const database = await testDatabase(t)
  await database.query(family('a', 4_880_000))
  const { url, process: child } = await service(t, database.url, {
    JIT_DEADLINE_MS: '9000',
    NODE_OPTIONS: '--max-semi-space-size=8',
  })
  const body = await (await fetch(jit(url, 'a'))).text()
  t.ok(body.length > 4_700_000 && body.length <= 5_000_000, `${body.length} bytes`)
  const agent = new http.Agent()
  const calls = await Promise.all(Array.from({ length: 20 }, () => call(jit(url, 'a'), agent)))
  t.same(tally(calls), { 200: 20 })
  const slowest = Math.max(...calls.map(({ ms }) => ms))
  t.ok(slowest < 9000, `the slowest took ${Math.round(slowest)} ms`)
  const peak = peakMb(child.pid)
  t.ok(peak < MEMORY_LIMIT_MB, `the peak is ${peak} MB`)
  t.comment(`peak ${peak} MB, slowest ${Math.round(slowest)} ms`)
})

t.test(
  'clients that do not read their answers of 4.9 MB: disconnected, and memory stays bounded',
  async (t) => {
    const database = await testDatabase(t)
    await database.query(family('a', 4_880_000))
    const {
      url,
      process: child,
      lines,
    } = await service(t, database.url, {
      JIT_DEADLINE_MS: '3000',
      NODE_OPTIONS: '--max-semi-space-size=8',
    })
    const { hostname, port, pathname, search } = new URL(jit(url, 'a'))
    const CLIENTS = 30
    const sockets = Array.from({ length: CLIENTS }, () => connect(Number(port), hostname))
    await Promise.all(sockets.map((socket) => once(socket, 'connect')))
    for (const socket of sockets)
      socket.write(`GET ${pathname}${search} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    const calls = () => lines().filter(({ route }) => route === '/jit/:secret')
    while (calls().length < CLIENTS) await pause(100)
    for (const socket of sockets) socket.destroy()
    t.same(
      calls().filter(({ outcome }) => outcome !== 'client_disconnected' && outcome !== 'database_busy'),
      [],
    )
    t.equal((await fetch(jit(url, 'a'))).status, 200)
    const peak = peakMb(child.pid)
    t.ok(peak < MEMORY_LIMIT_MB, `the peak is ${peak} MB`)
    t.comment(`peak ${peak} MB`)
  },
)
