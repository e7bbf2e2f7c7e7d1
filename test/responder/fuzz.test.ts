/** Random requests and random bytes. FUZZ_REQUESTS sets the number of requests; FUZZ_SEED repeats a run. */
import { readFileSync } from 'node:fs'
import http from 'node:http'
import { connect } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { testDatabase } from '../support/database.ts'
import { SECRET, service } from '../support/program.ts'

const REQUESTS = Number(process.env.FUZZ_REQUESTS ?? 5000)
const AT_ONCE = 50
const SEED = Number(process.env.FUZZ_SEED ?? 1)

const anyId = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc.string({ unit: fc.constantFrom('\0', '\n', '\u007f', '\u0085', 'a', '😀', '\u202e'), maxLength: 10 }),
  fc.constantFrom('a', 'a'.repeat(10_000), "' or 1=1 --", '%', '../../etc/passwd', '__proto__'),
)
const brokenEscape = fc.constantFrom(
  '%',
  '%z',
  '%00',
  '%ff',
  '%ed%a0%80',
  '%f4%90%80%80',
  '%u0041',
  '+',
  '%2B',
)
const parameter = fc.oneof(
  anyId.map((id) => `debt_account_external_id=${encodeURIComponent(id.toWellFormed())}`),
  brokenEscape.map((broken) => `debt_account_external_id=a${broken}`),
  fc.constantFrom('', 'debt_account_external_id', 'debt_account_external_id[]=a', 'x=1', '&&&', '=', '#'),
)
const method = fc.oneof(
  fc.constant('GET'),
  fc.constantFrom('HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND', 'TRACE'),
)
const path = fc.oneof(
  { weight: 4, arbitrary: fc.constant(`/jit/${SECRET}`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '/',
      '/jit/%zz',
      `/jit/${SECRET}%00`,
      '//jit//x',
      '/health/ready',
      '/jit/x',
      '/*',
    ),
  },
)
const query = fc.array(parameter, { maxLength: 3 }).map((parameters) => parameters.join('&'))
const headers = fc.dictionary(
  fc.constantFrom(
    'accept',
    'x-forwarded-for',
    'x-forwarded-host',
    'host',
    'expect',
    'range',
    'upgrade',
    'content-type',
    'accept-version',
    'te',
  ),
  fc.string({ unit: fc.constantFrom('a', '1', ',', ';', '"', ' ', 'é', '%', '='), maxLength: 60 }),
  { maxKeys: 4 },
)

interface RandomRequest {
  method: string
  path: string
  query: string
  headers: Record<string, string>
}

/** Combines parts that are generated beforehand, because generating a whole request takes longer than sending it. */
function* randomRequests(count: number): Generator<RandomRequest> {
  const sampled = <T>(part: fc.Arbitrary<T>) => fc.sample(part, { numRuns: 5000, seed: SEED })
  const parts = [sampled(method), sampled(path), sampled(query), sampled(headers)] as const
  const indices = fc.tuple(fc.nat(4999), fc.nat(4999), fc.nat(4999), fc.nat(4999))
  for (const [m, p, q, h] of fc.sample(indices, { numRuns: count, seed: SEED }))
    yield { method: parts[0][m]!, path: parts[1][p]!, query: parts[2][q]!, headers: parts[3][h]! }
}

t.test(`${REQUESTS} random requests: no 5xx, and memory stays bounded`, { timeout: 600_000 }, async (t) => {
  const database = await testDatabase(t)
  await database.query(
    `insert into tratta_jit.debt_accounts (external_id, balance) values ('a', 1), ('%', 2)`,
  )
  const { url, ask, process: child } = await service(t, database.url, { LOG_LEVEL: 'info' })
  const { hostname, port } = new URL(url)
  const agent = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE })
  const statuses: Record<string, number> = {}

  const failed: string[] = []
  const send = ({ method, path, query, headers }: RandomRequest) =>
    new Promise<void>((resolve) => {
      const end = (status: string | number) => {
        statuses[status] = (statuses[status] ?? 0) + 1
        if (Number(status) >= 500)
          failed.push(`${status} for ${JSON.stringify({ method, path, query, headers })}`)
        resolve()
      }
      const url = `${path}?${query}`
      const sent = http.request({ hostname, port, agent, method, path: url, headers }, (response) => {
        response.resume().on('end', () => end(response.statusCode ?? 0))
      })
      sent.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? 'error')).end()
    })

  const memory = () =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1024
  let warm = 0
  let count = 0
  const requests = randomRequests(REQUESTS)
  const sendOneByOne = async () => {
    for (const request of requests) {
      await send(request)
      if (++count === Math.ceil(REQUESTS / 2)) warm = memory()
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, sendOneByOne))
  agent.destroy()
  t.same(failed.slice(0, 3), [], `seed ${SEED}`)
  t.ok(statuses[200]! > 0 && statuses[404]! > 0 && statuses[400]! > 0, JSON.stringify(statuses))
  t.ok(memory() < warm + 60, `${warm} MB half-way, ${memory()} MB at the end`)
  t.same(await ask('a'), { status: 200, body: { data: { debt_account: { external_id: 'a', balance: 1 } } } })
  t.equal(child.exitCode, null)
})

t.test('500 connections that send random bytes: later calls are answered', async (t) => {
  const database = await testDatabase(t)
  const { url, ask } = await service(t, database.url)
  const send = (bytes: Buffer) =>
    new Promise<void>((resolve) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.end(bytes))
      socket.on('error', () => {}).on('close', () => resolve())
      socket.resume()
    })
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 400 }).map((array) => Buffer.from(array))
  const line = fc.tuple(fc.constantFrom('GET ', 'GET /jit/', 'PRI * HTTP/2.0\r\n', '\x16\x03\x01'), bytes)
  for (const [start, rest] of fc.sample(line, { numRuns: 500, seed: SEED }))
    await send(Buffer.concat([Buffer.from(start), rest, Buffer.from('\r\n\r\n')]))
  t.equal((await ask('unknown')).status, 404)
})
