/**
 * Responds to requests that no route can handle: invalid HTTP, and headers that are too large or too slow.
 */
import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Log } from '../log.ts'
import { problemBody } from './problem.ts'

const STATUS_BY_CODE: Record<string, number> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}

/** The client does not speak TLS, or only an old version, or does not trust the certificate. */
const FAILED_HANDSHAKE = /^(ERR_SSL|ERR_TLS|EPROTO)/

interface UnreadableRequests {
  /** Stores the response, because an error response to later bytes of the connection must follow it. */
  onRequest(socket: Socket, response: ServerResponse): void
  onClientError(error: Error & { code?: string }, socket: Socket): void
}

export function unreadableRequests(log: Log, nextId: () => string): UnreadableRequests {
  /** Responses are sent in the order of the requests, so only the last one of a connection is stored. */
  const lastResponses = new WeakMap<Socket, ServerResponse>()
  const rejected = new WeakSet<Socket>()

  const reject = (error: Error & { code?: string }, socket: Socket) => {
    if (error.code === 'ECONNRESET' || FAILED_HANDSHAKE.test(error.code ?? '') || !socket.writable) {
      socket.destroy()
      return
    }
    const status = STATUS_BY_CODE[error.code ?? ''] ?? 400
    const requestId = nextId()
    log.info({
      route: null,
      status,
      outcome: 'malformed_request',
      request_id: requestId,
      error: { code: error.code },
    })
    const body = problemBody('malformed_request', requestId, { status })
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/problem+json\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\nCache-Control: no-store\r\n` +
        `Connection: close\r\n\r\n${body}`,
    )
  }
  return {
    onRequest: (socket, response) => lastResponses.set(socket, response),
    onClientError(error, socket) {
      // Node emits an error for each further chunk of the same invalid bytes.
      if (rejected.has(socket)) return
      rejected.add(socket)
      const last = lastResponses.get(socket)
      if (!last || last.writableFinished || last.destroyed || error.code === 'ECONNRESET')
        reject(error, socket)
      else last.once('finish', () => reject(error, socket))
    },
  }
}
