/** Starts a TLS proxy with a certificate for localhost. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

/**
 * @param target the URL that gets the requests
 * @param days validity of the certificate from now; 0: it expires after a second
 * @returns `https://localhost:PORT`, and the path of the certificate of the authority
 */
export async function startTlsProxy(
  t: Test,
  target: string,
  days: number,
): Promise<{ url: string; authority: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'tratta-jit-tls-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const openssl = (...args: string[]) => {
    const { status, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' })
    if (status !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`)
  }
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc']
  writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost')
  openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-subj',
    '/CN=Authority',
    '-days',
    '30',
  )
  openssl('req', ...key, '-keyout', 'key.pem', '-out', 'request', '-subj', '/CN=localhost')
  const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names']
  openssl('x509', '-req', '-in', 'request', ...signing, '-out', 'cert.pem', '-days', String(days))
  const file = (name: string) => readFileSync(join(folder, name))
  const server = createServer({ key: file('key.pem'), cert: file('cert.pem') }, (incoming, response) => {
    request(new URL(incoming.url ?? '/', target), { agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    }).end()
  }).listen(0)
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    authority: join(folder, 'ca.pem'),
  }
}
