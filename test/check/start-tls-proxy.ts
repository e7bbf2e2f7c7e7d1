/** Starts a TLS proxy. */
import { once } from 'node:events'
import { request } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { createCertificate } from '../support/certificate.ts'

/**
 * @param target the URL that gets the requests
 * @param days validity of the certificate from now; 0: it expires after a second
 * @param name the host of the certificate
 * @returns `https://NAME:PORT`, and the path of the certificate of the authority
 */
export async function startTlsProxy(
  t: Test,
  target: string,
  days: number,
  name = 'localhost',
): Promise<{ url: string; authority: string }> {
  const { key, cert, authority } = createCertificate(t, days, name)
  const server = createServer({ key, cert }, (incoming, response) => {
    const { method, headers, url = '/' } = incoming
    const forwarded = request(new URL(url, target), { agent: false, method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    incoming.pipe(forwarded)
  }).listen(0)
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url: `https://${name}:${(server.address() as AddressInfo).port}`, authority }
}
