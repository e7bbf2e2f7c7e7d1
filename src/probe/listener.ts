/** Receives the requests of Tratta at PUBLIC_URL, for throw-away URLs of the probe. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Config } from '../config.ts'
import { UndecidedError } from './undecided-error.ts'

export interface Call {
  method: string
  /** Path and query. */
  url: string
  /** Milliseconds from the request to the end of the response or of the connection. */
  ms: number | undefined
}

export interface Answer {
  status: number
  body: unknown
  /** Milliseconds until the answer. */
  afterMs?: number
}

export interface Listener {
  /** A new URL of the probe, without a slash at its end. */
  newUrl(): string
  /** The answer to all further requests. */
  answer(answer: Answer): void
  /** The requests since the last `take`. */
  take(): Call[]
  close(): Promise<void>
}

/** @throws {UndecidedError} */
export async function startListener({ PUBLIC_URL, HOST, PORT }: Config): Promise<Listener> {
  if (PUBLIC_URL === undefined) throw new UndecidedError('PUBLIC_URL is not set, so Tratta cannot call us')
  const secrets = new Set<string>()
  let calls: Call[] = []
  let current: Answer = { status: 404, body: {} }

  const server = createServer((request, response) => {
    const secret = /^\/jit\/([\w-]+)/.exec(request.url ?? '')?.[1]
    // A path prefix of PUBLIC_URL may be removed by a proxy.
    if (secret === undefined || !secrets.has(secret)) return void response.writeHead(404).end()
    receive(request, response)
  })

  function receive(request: IncomingMessage, response: ServerResponse) {
    const start = performance.now()
    const call: Call = { method: request.method ?? '', url: request.url ?? '', ms: undefined }
    calls.push(call)
    const { status, body, afterMs = 0 } = current
    const timer = setTimeout(() => {
      response.writeHead(status, {
        'content-type': status === 200 ? 'application/json' : 'application/problem+json',
        connection: 'close',
      })
      response.end(JSON.stringify(body))
    }, afterMs)
    response.on('close', () => {
      clearTimeout(timer)
      call.ms = Math.round(performance.now() - start)
    })
  }

  server.listen(PORT, HOST)
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    throw new UndecidedError(
      error.code === 'EADDRINUSE'
        ? `port ${PORT} is in use: stop \`serve\` while the probe runs`
        : `port ${PORT} cannot be opened (${error.code})`,
    )
  })

  return {
    newUrl() {
      const secret = randomBytes(24).toString('base64url')
      secrets.add(secret)
      return `${PUBLIC_URL}/jit/${secret}`
    },
    answer(answer) {
      current = answer
    },
    take() {
      const taken = calls
      calls = []
      return taken
    },
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close').catch(() => {})
    },
  }
}
