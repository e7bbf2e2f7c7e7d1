/** Runs the nginx example: TLS in front of the service, no secret in its logs, no answer in its files. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { connect } from 'node:tls'
import t from 'tap'
import { freePort } from '../support/child-process.ts'
import { testDatabase } from '../support/database.ts'
import { readExposition, sampleOf } from '../support/exposition.ts'
import { SECRET, service } from '../support/program.ts'

const LARGE_ANSWER_BYTES = 10_000_000

const isInstalled = (tool: string) => spawnSync(tool, ['-v'], { stdio: 'ignore' }).error === undefined

const skip = isInstalled('nginx') && isInstalled('openssl') ? false : 'nginx or openssl is not installed'

t.test('deploy/nginx.conf', { skip }, async (t) => {
  const database = await testDatabase(t)
  const running = await service(t, database.url, {
    TRUSTED_PROXIES: '127.0.0.1',
    ALLOWED_CLIENTS: '127.0.0.1',
    JIT_MAX_ANSWER_BYTES: '20000000',
    JIT_DEADLINE_MS: '7500',
  })
  await database.query(LARGE_FAMILY)
  const folder = mkdtempSync(join(tmpdir(), 'tratta-jit-nginx-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const [certificate, key] = [join(folder, 'certificate'), join(folder, 'key')]
  const request = 'req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=jit.agency.example'.split(' ')
  spawnSync('openssl', [...request, '-keyout', key, '-out', certificate], { stdio: 'ignore' })
  const port = await freePort()
  const unusedPort = await freePort()
  const conf = readFileSync('deploy/nginx.conf', 'utf8')
    .replaceAll('/var/log/nginx', folder)
    .replace('/run/nginx.pid', join(folder, 'pid'))
    .replace('/etc/nginx/tls/jit.agency.example.crt', certificate)
    .replace('/etc/nginx/tls/jit.agency.example.key', key)
    .replace('443 ssl', `127.0.0.1:${port} ssl`)
    .replace('10.0.0.11:8080', new URL(running.url).host)
    // No replica listens on this port, so nginx uses the other one.
    .replace('10.0.0.12:8080', `127.0.0.1:${unusedPort}`)
    .replace(
      'http {',
      `http { ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ')}`,
    )
  writeFileSync(join(folder, 'nginx.conf'), conf)
  const words = ['-p', folder, '-e', join(folder, 'error.log'), '-c', join(folder, 'nginx.conf')]
  const tested = spawnSync('nginx', ['-t', ...words], { encoding: 'utf8' })
  t.equal(tested.status, 0, tested.stderr)
  const nginx = spawn('nginx', ['-g', 'daemon off;', ...words], { stdio: 'ignore' })
  t.teardown(async () => {
    if (nginx.exitCode !== null) return
    nginx.kill('SIGTERM')
    await once(nginx, 'exit')
  })

  const ask = (path: string, method = 'GET') =>
    new Promise<{ status: number; body: string }>((resolve, reject) => {
      const options = { host: '127.0.0.1', port, path, method, rejectUnauthorized: false, agent: false }
      https
        .request(options, (response) => {
          let body = ''
          response.setEncoding('utf8').on('data', (text) => {
            body += text
          })
          response.on('end', () => resolve({ status: response.statusCode!, body }))
        })
        .on('error', reject)
        .end()
    })
  for (let tries = 0; tries < 50; tries++) {
    if (await ask('/').catch(() => undefined)) break
    await pause(100)
  }
  const jitPath = `/jit/${SECRET}?debt_account_external_id=nobody`
  for (let count = 0; count < 20; count++)
    t.match(await ask(jitPath), { status: 404, body: '"code":"account_not_found"' })
  t.equal((await ask(jitPath, 'POST')).status, 403)
  for (const path of ['/', '/health/ready', '/metrics'])
    t.match(await ask(path), { status: 404, body: 'nginx' })
  const metrics = readExposition(await (await fetch(`${running.adminUrl}/metrics`)).text())
  const counted = sampleOf(metrics, 'tratta_jit_calls_total', { outcome: 'account_not_found' })
  t.equal(counted, 20, 'each call arrived once')

  const large = await readSlowly(port, `/jit/${SECRET}?debt_account_external_id=large`)
  t.ok(large > LARGE_ANSWER_BYTES, `${large} bytes arrived`)
  t.same(readdirSync(join(folder, 'proxy')), [], 'no part of the answer was written to a file')

  for (const path of [jitPath, `/JIT/${SECRET}`, `/base/jit/${SECRET}`]) {
    t.match(await send(port, `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n`), / 413 /)
    for (const [status, head] of [
      [400, `GET ${path} HTTP/1.1\r\nHost: a/b`],
      [400, `GET ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: x`],
      [400, `GET ${path} HTTP/1.1`],
      [400, `GET /..${path} HTTP/1.1\r\nHost: x`],
      [400, `GET ${path}%00 HTTP/1.1\r\nHost: x\r\nBad\0Header: x`],
      [405, `TRACE ${path} HTTP/1.1\r\nHost: x`],
      [414, `GET ${path}&x=${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x`],
    ] as const)
      t.match(await send(port, `${head}\r\n\r\n`), ` ${status} `, head.slice(0, 30).replace(SECRET, 'S'))
  }
  running.process.kill('SIGSTOP')
  t.equal((await ask(jitPath)).status, 504, 'the replica does not answer in time')
  running.process.kill('SIGCONT')
  running.process.kill('SIGINT')
  await running.ended
  t.equal((await ask(jitPath)).status, 502, 'no replica is running')
  // Each worker writes its last lines before it ends.
  nginx.kill('SIGQUIT')
  await once(nginx, 'exit')
  const logs = ['calls.log', 'error.log'].map((name) => join(folder, name)).filter((file) => existsSync(file))
  t.ok(logs.length > 0)
  for (const file of logs) {
    const text = readFileSync(file, 'utf8')
    t.notOk(text.includes(SECRET), `no secret in ${file}`)
    t.notOk(text.includes('nobody'), `no account in ${file}`)
  }
  t.equal(readFileSync(join(folder, 'calls.log'), 'utf8').trim().split('\n').length >= 25, true)
})

/** A family whose answer is larger than all buffers on its way to a client that does not read. */
const LARGE_FAMILY = `
  insert into tratta_jit.debt_accounts (external_id, balance) values ('large', 1);
  insert into tratta_jit.debt_accounts (external_id, parent_external_id, balance, metadata)
    select 'child-' || number, 'large', 1,
      jsonb_build_object('a', repeat('x', 250), 'b', repeat('x', 250), 'c', repeat('x', 250))
    from generate_series(1, 14000) number`

/** Sends bytes through TLS and returns what comes back. */
function send(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = ''
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => socket.write(bytes))
    socket.setEncoding('utf8').on('data', (text) => {
      received += text
      // nginx reads the rest of a body that it rejects before it closes.
      socket.end()
    })
    socket.on('close', () => resolve(received)).on('error', reject)
  })
}

/** Requests a path, and reads nothing for a second after the first bytes. @returns the bytes of the body */
function readSlowly(port: number, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    https
      .get({ host: '127.0.0.1', port, path, rejectUnauthorized: false, agent: false }, async (response) => {
        await pause(1000)
        let bytes = 0
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length
        })
        response.on('end', () => resolve(bytes)).on('error', reject)
      })
      .on('error', reject)
  })
}
