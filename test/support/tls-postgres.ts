/** A Postgres with TLS: a proxy that ends the TLS of Postgres's protocol, in front of one without TLS. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Test } from 'tap'
import type { Certificate } from './certificate.ts'

const SSL_REQUEST_BYTES = 8

/** @returns the URL of Postgres at localhost, through the proxy */
export async function startTlsPostgres(t: Test, postgresUrl: string, { key, cert }: Certificate) {
  const url = new URL(postgresUrl)
  const { hostname: host } = url
  const port = Number(url.port)
  const sockets = new Set<Socket>()
  const server = createServer((plain) => {
    sockets.add(plain.on('error', () => {}))
    plain.once('readable', () => {
      plain.read(SSL_REQUEST_BYTES)
      plain.write('S')
      const near = new TLSSocket(plain, { isServer: true, key, cert })
      const far = connect({ host, port })
      sockets.add(far)
      near.on('error', () => far.destroy()).on('close', () => far.destroy())
      far.on('error', () => near.destroy()).on('close', () => near.destroy())
      near.pipe(far).pipe(near)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  url.host = `localhost:${(server.address() as AddressInfo).port}`
  return url
}
