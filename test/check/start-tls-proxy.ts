/** Starts a TLS proxy with a certificate for localhost. */
import { once } from 'node:events'
import { request } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { createCertificate } from '../support/certificate.ts'

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
  const { key, cert, authority } = createCertificate(t, days)
  const server = createServer({ key, cert }, (incoming, response) => {
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
  return { url: `https://localhost:${(server.address() as AddressInfo).port}`, authority }
}
