/** A TCP proxy that delays every packet, in both directions. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'

/** @returns the address of Postgres through the proxy */
export async function startDelayingProxy(t: Test, postgresUrl: string, oneWayMs: number): Promise<string> {
  const address = new URL(postgresUrl)
  const { hostname: host } = address
  const port = Number(address.port)
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect({ host, port })
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('error', () => to.destroy())
      from.on('close', () => setTimeout(() => to.destroy(), oneWayMs))
      from.on('data', (bytes) => setTimeout(() => to.writable && to.write(bytes), oneWayMs))
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  address.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return address.href
}
