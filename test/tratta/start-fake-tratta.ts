/** A Tratta whose answers a test chooses, for forms of answers that the simulator does not have. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'

export interface FakeAnswer {
  status: number
  headers?: Record<string, string>
  /** A string is sent as it is, anything else as JSON. */
  body?: unknown
  /** Closes the connection instead of an answer. */
  isLost?: boolean
}

export interface FakeRequest {
  /** Below /api/v1: `/just-in-time`. */
  path: string
  form: URLSearchParams
}

export async function startFakeTratta(
  t: Test,
  answer: (request: FakeRequest) => FakeAnswer | Promise<FakeAnswer>,
) {
  const requests: string[] = []
  const server = createServer(async (request, response) => {
    const path = (request.url ?? '').replace('/api/v1', '')
    requests.push(`${request.method} ${path}`)
    const { status, headers, body, isLost } = await answer({
      path,
      form: new URLSearchParams(await text(request)),
    })
    if (isLost) {
      request.socket.destroy()
      return
    }
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(body === undefined || typeof body === 'string' ? body : JSON.stringify(body))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1`, requests }
}
