/** Limits of connections without a correct secret, which never block calls of Tratta. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { testDatabase } from '../support/database.ts'
import { readExposition, sampleOf } from '../support/exposition.ts'
import { SECRET, type Service, service } from '../support/program.ts'
import { exchange, openConnection } from '../support/raw-http.ts'

// Each test has a database of its own, and waits most of the time.
t.jobs = 2

const PATH = `/jit/${SECRET}?debt_account_external_id=nobody`
const skip = spawnSync('prlimit', ['--version']).error ? 'prlimit is not installed' : false

/** `serve` with at most 64 open files, of which connections to its public port get 14. */
async function limitedService(t: Test, env: Record<string, string> = {}) {
  const database = await testDatabase(t)
  return service(t, database.url, env, [], ['prlimit', '--nofile=64:64'])
}

/** Opens connections that send nothing, and counts those that the service closed. */
async function openMany(t: Test, { url }: Service, count: number, localAddress = '127.0.0.1') {
  const sockets: Socket[] = []
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  for (let opened = 0; opened < count; opened++) sockets.push(await openConnection(url, localAddress))
  return sockets
}

async function rejected({ adminUrl }: Service) {
  const metrics = readExposition(await (await fetch(`${adminUrl}/metrics`)).text())
  const count = (limit: string) => sampleOf(metrics, 'tratta_jit_connections_rejected_total', { limit })
  return { address: count('address'), total: count('total') }
}

const call = ({ url }: Service, path = PATH, agent: http.Agent | false = false) =>
  new Promise<http.IncomingMessage>((resolve, reject) => {
    http
      .get(url + path, { agent }, (response) => {
        response.resume().on('end', () => resolve(response))
      })
      .on('error', reject)
  })

t.test(
  'a call while another client opens more connections than the file limit: answered',
  { skip, buffered: true },
  async (t) => {
    const running = await limitedService(t)
    await openMany(t, running, 39)
    t.equal((await call(running)).statusCode, 404, 'from the address of the other client')
    await openMany(t, running, 200, '127.0.0.2')
    t.equal((await call(running)).statusCode, 404, 'from another address')
    const { address, total } = await rejected(running)
    t.ok(address! > 200, `${address} closed by the limit of an address`)
    t.equal(total, 0)
  },
)

t.test(
  'a call while clients from many addresses reach the total limit: answered',
  { skip, buffered: true },
  async (t) => {
    const running = await limitedService(t)
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    t.teardown(() => agent.destroy())
    const { socket } = await call(running, PATH, agent)
    for (let host = 2; host < 60; host++) await openMany(t, running, 1, `127.0.0.${host}`)
    t.equal((await call(running)).statusCode, 404, 'on a new connection')
    t.equal((await call(running, PATH, agent)).socket, socket, 'and on the connection of an earlier call')
    const { address, total } = await rejected(running)
    t.equal(address, 0)
    t.ok(total! > 40, `${total} closed by the total limit`)
  },
)

t.test('20 connections of a trusted proxy: not limited by address', { skip, buffered: true }, async (t) => {
  const database = await testDatabase(t)
  const running = await service(
    t,
    database.url,
    { TRUSTED_PROXIES: '127.0.0.1' },
    [],
    ['prlimit', '--nofile=80:80'],
  )
  const agent = new http.Agent({ keepAlive: true, maxSockets: 20 })
  t.teardown(() => agent.destroy())
  const responses = await Promise.all(Array.from({ length: 20 }, () => call(running, '/jit/wrong', agent)))
  t.ok(responses.every(({ headers }) => headers['keep-alive'] === 'timeout=75'))
  t.same(await rejected(running), { address: 0, total: 0 })
})

t.test(
  'a connection without a correct secret is closed after 5 s, and one with it stays open',
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    const running = await service(t, database.url)
    const opened = performance.now()
    const closed: Record<string, number> = {}
    const open = async (name: string, first: string) => {
      const socket = await openConnection(running.url)
      t.teardown(() => socket.destroy())
      socket.resume().once('close', () => {
        closed[name] = performance.now() - opened
      })
      if (first) socket.write(first)
      return socket
    }
    const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
    const authenticated = await open('authenticated', get(PATH))
    const others = [
      await open('silent', ''),
      await open('health', get('/health/live')),
      await open('wrong secret', get('/jit/wrong')),
      await open('half a request', 'GET /jit/'),
    ]
    const repeated = await open('repeated', '')
    const repeating = setInterval(() => repeated.writable && repeated.write(get('/health/live')), 500)
    t.teardown(() => clearInterval(repeating))
    await Promise.all([...others, repeated].map((socket) => once(socket, 'close')))
    for (const [name, after] of Object.entries(closed))
      t.ok(after > 3000, `${name} after ${Math.round(after)} ms`)
    t.notOk(authenticated.destroyed)
    t.match(
      await exchange(running.url, get(PATH).replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')),
      /404/,
    )
    authenticated.write(get(PATH))
    const [answer] = await once(authenticated, 'data')
    t.match(String(answer), /^HTTP\/1\.1 404 [\s\S]*keep-alive: timeout=75/i)
  },
)
