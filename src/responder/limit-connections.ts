/**
 * Limits the connections of the public port, so that idle connections of other clients never block Tratta.
 *
 * A connection starts unauthenticated and becomes authenticated by one request with the correct secret. A
 * connection from a trusted proxy is authenticated from the start: the proxy has limits of its own, and all
 * clients share its address. When a limit is reached, the oldest unauthenticated connection is closed,
 * because a client that knows the secret sends it at once.
 */
import type { Socket } from 'node:net'
import type { FastifyReply } from 'fastify'
import type { App } from './app.ts'
import { addressGroup, addressMatcher, peerAddress } from './client-address.ts'

export const CONNECTION_LIMITS = ['address', 'total'] as const
export type ConnectionLimit = (typeof CONNECTION_LIMITS)[number]

interface LimitConnectionsOptions {
  /** Open connections in total. */
  max: number
  trustedProxies: string[]
  /** Called for each connection that a limit closed. */
  onRejected: (limit: ConnectionLimit) => void
}

export interface Connections {
  /** Call this for a request with the correct secret: its connection then stays open between requests. */
  authenticate(socket: Socket, reply: FastifyReply): void
}

const MAX_CONNECTIONS = 4096
/** Greater than the number of connections that Tratta opens before their first request is read. */
const MAX_UNAUTHENTICATED_PER_ADDRESS = 1000
/** Open files of Node itself, of the admin port, and of connections to Postgres outside the pool. */
const RESERVED_FILES = 40
const MIN_CONNECTIONS = 8

/**
 * Longer than the idle timeout of load balancers, which otherwise send a request on a connection that we
 * close.
 */
const AUTHENTICATED_KEEP_ALIVE_MS = 75_000
const UNAUTHENTICATED_KEEP_ALIVE_MS = 4000
const UNAUTHENTICATED_MS = 5000

/**
 * @returns how many connections the limit of open files (`ulimit -n`) allows in addition to the connections
 * to Postgres
 */
export function maxConnections(databasePoolSize: number): number {
  const report = process.report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } }
  const openFiles = Number(report.userLimits?.open_files?.soft)
  if (!Number.isFinite(openFiles)) return MAX_CONNECTIONS
  return Math.min(MAX_CONNECTIONS, Math.max(MIN_CONNECTIONS, openFiles - RESERVED_FILES - databasePoolSize))
}

/**
 * The socket of the 'connection' event. With TLS a request has another socket, and `_parent`, which Node's types do not
 * declare, is the socket of its connection.
 */
const connectionOf = (socket: Socket) => (socket as { _parent?: Socket | null })._parent ?? socket

export function limitConnections(
  app: App,
  { max, trustedProxies, onRejected }: LimitConnectionsOptions,
): Connections {
  const maxPerAddress = Math.min(MAX_UNAUTHENTICATED_PER_ADDRESS, Math.floor(max / 2))
  const isTrusted = addressMatcher(trustedProxies)
  let open = 0
  /** Oldest first. The value is the time at which the connection was opened. */
  const unauthenticated = new Map<Socket, number>()
  const byAddress = new Map<string, Set<Socket>>()

  const track = (socket: Socket, group: string) => {
    unauthenticated.set(socket, performance.now())
    const sockets = byAddress.get(group) ?? new Set()
    byAddress.set(group, sockets.add(socket))
    return sockets
  }
  const untrack = (socket: Socket) => {
    if (!unauthenticated.delete(socket)) return
    const group = groups.get(socket) ?? ''
    const sockets = byAddress.get(group)
    sockets?.delete(socket)
    if (sockets?.size === 0) byAddress.delete(group)
  }
  /** Stored here because a closed socket has no address. */
  const groups = new WeakMap<Socket, string>()
  const close = (socket: Socket, limit: ConnectionLimit) => {
    // The 'close' event is emitted later, but the file is closed now.
    if (groups.delete(socket)) open -= 1
    socket.destroy()
    onRejected(limit)
  }

  app.server.on('connection', (socket: Socket) => {
    const address = peerAddress(socket)
    groups.set(socket, addressGroup(address))
    open += 1
    socket.once('close', () => {
      untrack(socket)
      if (groups.delete(socket)) open -= 1
    })
    if (!isTrusted(address)) {
      const sockets = track(socket, addressGroup(address))
      if (sockets.size > maxPerAddress) {
        const [oldest] = sockets
        untrack(oldest!)
        close(oldest!, 'address')
      }
    }
    if (open > max) {
      const [oldest = socket] = unauthenticated.keys()
      untrack(oldest)
      close(oldest, 'total')
    }
  })

  app.addHook('onRequest', (request, reply, done) => {
    const openedAt = unauthenticated.get(connectionOf(request.socket))
    if (openedAt !== undefined)
      if (performance.now() - openedAt > UNAUTHENTICATED_MS) reply.header('connection', 'close')
      else reply.header('keep-alive', `timeout=${UNAUTHENTICATED_KEEP_ALIVE_MS / 1000}`)
    done()
  })
  // After Node's own listener, which sets the timeout of the server, AUTHENTICATED_KEEP_ALIVE_MS.
  app.addHook('onResponse', (request, _reply, done) => {
    if (unauthenticated.has(connectionOf(request.socket)))
      request.socket.setTimeout(UNAUTHENTICATED_KEEP_ALIVE_MS)
    done()
  })
  app.server.keepAliveTimeout = AUTHENTICATED_KEEP_ALIVE_MS
  return {
    authenticate(socket, reply) {
      untrack(connectionOf(socket))
      reply.removeHeader('keep-alive')
    },
  }
}
