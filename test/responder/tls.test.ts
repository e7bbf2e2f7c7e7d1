/** TLS on PORT. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import { type Certificate, createCertificate } from '../support/certificate.ts'
import { MINIMUM, testDatabase } from '../support/database.ts'
import { readExposition, sampleOf } from '../support/exposition.ts'
import { run, SECRET, type Service, service } from '../support/program.ts'
import { openConnection } from '../support/raw-http.ts'

// Each test has a database of its own, and waits most of the time.
t.jobs = 3

const CALL = `/jit/${SECRET}?debt_account_external_id=123456`
const DAY_SECONDS = 24 * 60 * 60

/** Files for the settings, which `write` replaces. */
function certificateFiles(t: Test) {
  const folder = mkdtempSync(join(tmpdir(), 'tratta-jit-certificate-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const env = { TLS_CERT_FILE: join(folder, 'cert.pem'), TLS_KEY_FILE: join(folder, 'key.pem') }
  return {
    env,
    write({ cert, key }: { cert: Certificate['cert'] | string; key: Certificate['key'] | string }) {
      writeFileSync(env.TLS_CERT_FILE, cert)
      writeFileSync(env.TLS_KEY_FILE, key)
    },
  }
}

async function get({ url }: Service, path: string, options: https.RequestOptions = {}) {
  const port = new URL(url).port
  const request = https.get({ host: 'localhost', port, path, agent: false, family: 4, ...options })
  const [response] = await once(request, 'response')
  return { status: response.statusCode as number, body: await text(response) }
}

const expiresAt = async ({ adminUrl }: Service) => {
  const metrics = readExposition(await (await fetch(`${adminUrl}/metrics`)).text())
  return sampleOf(metrics, 'tratta_jit_certificate_expires_timestamp_seconds')
}

t.test('a call over TLS, and a renewed certificate', async (t) => {
  const database = await testDatabase(t)
  await database.query(MINIMUM)
  const files = certificateFiles(t)
  const [first, second] = [createCertificate(t, 10), createCertificate(t, 60)]
  const [ca, secondCa] = [first, second].map(({ authority }) => spawnSync('cat', [authority]).stdout)
  files.write(first)
  const serving = await service(t, database.url, { ...files.env, ALLOWED_CLIENTS: '127.0.0.1' })
  const { status, body } = await get(serving, CALL, { ca })
  t.same(
    [status, JSON.parse(body)],
    [200, { data: { debt_account: { external_id: '123456', balance: 2000 } } }],
  )
  t.same((await get(serving, '/health/ready', { ca })).status, 200)
  const seconds = (await expiresAt(serving))! - Date.now() / 1000
  t.ok(seconds > 9 * DAY_SECONDS && seconds <= 10 * DAY_SECONDS, `${seconds} s until it expires`)
  t.match(await serving.line(({ event }) => event === 'certificate_expiring'), { level: 'warn', days: 9 })

  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  t.equal((await get(serving, CALL, { ca, agent })).status, 200)
  files.write(second)
  await serving.line(({ event }) => event === 'certificate_read')
  t.equal((await get(serving, CALL, { ca: secondCa })).status, 200, 'new connections get the new certificate')
  await t.rejects(get(serving, CALL, { ca }), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
  t.equal((await get(serving, CALL, { ca, agent })).status, 200, 'an open connection continues')
  t.ok((await expiresAt(serving))! - Date.now() / 1000 > 59 * DAY_SECONDS)

  files.write({ ...first, cert: second.cert })
  const { message } = await serving.line(({ event }) => event === 'certificate_rejected')
  t.equal(
    message,
    'The current certificate stays in use: TLS_KEY_FILE is not the key of the first certificate in TLS_CERT_FILE',
  )
  t.equal((await get(serving, CALL, { ca: secondCa })).status, 200)
})

t.test('what is not TLS 1.2 or newer is closed', async (t) => {
  const database = await testDatabase(t)
  const files = certificateFiles(t)
  files.write(createCertificate(t, 60))
  const serving = await service(t, database.url, files.env)
  const { port } = new URL(serving.url)
  const old = tls.connect({
    port: Number(port),
    rejectUnauthorized: false,
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  })
  await t.rejects(once(old, 'secureConnect'))
  const plain = await openConnection(serving.url)
  plain.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n')
  t.notMatch(await text(plain), 'HTTP/1.1')
  const silent = await openConnection(serving.url)
  await once(silent.resume(), 'close')
  t.equal((await get(serving, '/health/live', { rejectUnauthorized: false })).status, 200)
  await pause(200)
  t.equal(serving.lines().filter(({ level }) => level === 'error').length, 0)
})

t.test('after the correct secret a TLS connection stays open between calls', async (t) => {
  const database = await testDatabase(t)
  const files = certificateFiles(t)
  files.write(createCertificate(t, 60))
  const serving = await service(t, database.url, files.env)
  const keepAlive = async (path: string) => {
    const socket = tls.connect({ port: Number(new URL(serving.url).port), rejectUnauthorized: false })
    t.teardown(() => socket.destroy())
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    const [head] = await once(socket, 'data')
    return /^keep-alive: timeout=(\d+)/im.exec(String(head))?.[1]
  }
  t.equal(await keepAlive('/health/live'), '4')
  t.equal(await keepAlive(CALL), '75')
})

t.test('the HEALTHCHECK of the container', async (t) => {
  const database = await testDatabase(t)
  const files = certificateFiles(t)
  files.write(createCertificate(t, 60))
  const serving = await service(t, database.url, files.env)
  const check = spawnSync(process.execPath, ['src/responder/health-check.ts'], {
    env: { PATH: process.env.PATH, HOST: '127.0.0.1', PORT: new URL(serving.url).port, ...files.env },
    encoding: 'utf8',
  })
  t.same([check.status, check.stdout, check.stderr], [0, 'ready\n', ''])
})

t.test('files that cannot be used stop the start', async (t) => {
  const database = await testDatabase(t)
  const env = { DATABASE_URL: database.url, JIT_SECRET: SECRET, PORT: '0', ADMIN_PORT: '0' }
  const files = certificateFiles(t)
  const [one, other] = [createCertificate(t, 60), createCertificate(t, 60)]
  const fails = async (message: string, tlsEnv: Record<string, string> = files.env) => {
    const { code, stderr } = await run(t, ['serve'], { ...env, ...tlsEnv })
    t.same([code, stderr], [2, `${message}\n`])
  }
  await fails('TLS_CERT_FILE cannot be read (ENOENT)')
  files.write({ ...one, cert: 'no certificate' })
  await fails('TLS_CERT_FILE has no certificate in PEM format')
  files.write({ cert: one.cert, key: other.key })
  await fails('TLS_KEY_FILE is not the key of the first certificate in TLS_CERT_FILE')
  await fails('The settings are not valid:\n  TLS_KEY_FILE is not set, but TLS_CERT_FILE is', {
    TLS_CERT_FILE: files.env.TLS_CERT_FILE,
  })
})

t.test('check', async (t) => {
  const files = certificateFiles(t)
  const results = async (publicUrl: string) => {
    const env = { DATABASE_URL: 'postgres://127.0.0.1:1/none', JIT_SECRET: SECRET, PUBLIC_URL: publicUrl }
    const { lines } = await run(t, ['check', '--quick', '--json'], { ...env, ...files.env })
    return lines.flatMap(({ check, state, message }) =>
      check === 'settings' && !/^TRATTA/.test(String(message)) ? `${state}: ${message}` : [],
    )
  }
  files.write(createCertificate(t, 10))
  t.same(await results('https://localhost'), [
    'warning: the certificate in TLS_CERT_FILE is valid for 9 more days',
  ])
  t.same(await results('https://jit.agency.example.invalid'), [
    'warning: the certificate in TLS_CERT_FILE is not for the host of PUBLIC_URL',
  ])
  const [one, other] = [createCertificate(t, 60), createCertificate(t, 60)]
  files.write({ cert: one.cert, key: other.key })
  t.same(await results('https://localhost'), [
    'error: TLS_KEY_FILE is not the key of the first certificate in TLS_CERT_FILE',
  ])
})
