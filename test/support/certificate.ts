/** Certificates of an authority that nobody knows. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

export interface Certificate {
  key: Buffer
  cert: Buffer
  /** The path of the certificate of the authority. */
  authority: string
}

/**
 * @param days validity of the certificate from now; 0: it expires after a second
 * @param name the host of the certificate
 */
export function createCertificate(t: Test, days: number, name = 'localhost'): Certificate {
  const folder = mkdtempSync(join(tmpdir(), 'tratta-jit-tls-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const openssl = (command: string) => {
    const { status, stderr } = spawnSync('openssl', command.split(' '), { cwd: folder, encoding: 'utf8' })
    if (status !== 0) throw new Error(`openssl ${command}: ${stderr}`)
  }
  const key = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc'
  writeFileSync(join(folder, 'names'), `subjectAltName=DNS:${name}`)
  openssl(`req -x509 ${key} -keyout ca.key -out ca.pem -subj /CN=Authority -days 30`)
  openssl(`req ${key} -keyout key.pem -out request -subj /CN=${name}`)
  const signing = '-CA ca.pem -CAkey ca.key -CAcreateserial -extfile names'
  openssl(`x509 -req -in request ${signing} -out cert.pem -days ${days}`)
  const file = (name: string) => readFileSync(join(folder, name))
  return { key: file('key.pem'), cert: file('cert.pem'), authority: join(folder, 'ca.pem') }
}
