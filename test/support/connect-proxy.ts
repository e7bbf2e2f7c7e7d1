/** An HTTP proxy for CONNECT that resolves every name to this machine. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Test } from 'tap'

/** @param status of the answer to CONNECT; 200 opens the tunnel */
export async function startConnectProxy(t: Test, { status = 200, login = '' } = {}) {
  /** `tratta.test:443`, for each CONNECT with the right login. */
  const tunnels: string[] = []
  const sockets = new Set<Socket>()
  const expected = login && `Basic ${Buffer.from(login).toString('base64')}`
  const server = createServer((_request, response) => response.writeHead(500).end('only CONNECT'))
  server.on('connect', ({ url = '', headers }, client: Socket) => {
    sockets.add(client.on('error', () => {}))
    if (status !== 200) return client.end(`HTTP/1.1 ${status} X\r\ncontent-length: 0\r\n\r\n`)
    if (expected && headers['proxy-authorization'] !== expected)
      return client.end('HTTP/1.1 407 X\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n')
    tunnels.push(url)
    const target: Socket = connect(Number(url.split(':').at(-1)), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      client.pipe(target).pipe(client)
    })
    sockets.add(target.on('error', () => client.destroy()))
    return client
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, tunnels }
}
