import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import {
  createSimulator,
  type Simulator,
  type SimulatorOptions,
} from '../../src/simulator/create-simulator.ts'

interface Answer {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: any JSON, or a string
  body: any
}

interface RequestOptions {
  method?: string
  json?: unknown
  form?: Record<string, string>
  text?: string
  headers?: Record<string, string>
}

export const tokenAndJson = { authorization: 'Bearer simulated-token', accept: 'application/json' }

/** Sends one request on a new connection; does not follow redirects. */
async function send(
  url: string,
  { method = 'POST', json, form, text, headers }: RequestOptions = {},
): Promise<Answer> {
  const body =
    json === undefined ? (form ? new URLSearchParams(form).toString() : text) : JSON.stringify(json)
  const type = form ? 'application/x-www-form-urlencoded' : 'application/json'
  const response = await fetch(url, {
    method,
    redirect: 'manual',
    headers: {
      connection: 'close',
      ...(body !== undefined && { 'content-type': type }),
      ...(headers ?? tokenAndJson),
    },
    ...(body !== undefined && { body }),
  })
  const answered = await response.text()
  const isJson = response.headers.get('content-type')?.startsWith('application/json') && answered !== ''
  return {
    status: response.status,
    headers: response.headers,
    body: isJson ? JSON.parse(answered) : answered,
  }
}

/** Starts a simulator that closes with the test; `post` and `get` take paths below /api/v1, `control` below /simulator. */
export async function startSimulator(t: Test, options: SimulatorOptions = {}) {
  const simulator: Simulator = await createSimulator(options)
  t.teardown(() => simulator.close())
  return {
    simulator,
    post: (path: string, given: RequestOptions) => send(simulator.url + path, given),
    get: (path: string, given: RequestOptions = {}) =>
      send(simulator.url + path, { method: 'GET', ...given }),
    control: (path: string, given: RequestOptions = {}) =>
      send(simulator.url.replace('/api/v1', `/simulator${path}`), { headers: {}, ...given }),
  }
}

/** Starts the agency's responder; a test replaces `respond`. */
export async function startAgency(t: Test) {
  const agency = {
    url: '',
    requests: [] as string[],
    respond: (_request: IncomingMessage, response: ServerResponse): void => void response.end(),
    /** Responds 200 with this body to all further requests. */
    respondWith(body: unknown) {
      agency.respond = (_request, response) => {
        response.setHeader('content-type', 'application/json')
        response.end(typeof body === 'string' ? body : JSON.stringify(body))
      }
    },
  }
  const server = createServer((request, response) => {
    agency.requests.push(`${request.method} ${request.url}`)
    agency.respond(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  agency.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jit/secret`
  return agency
}

/** Starts a simulator with a registered agency. `trigger` makes the agency respond with `data` to a trigger for `id`. */
export async function startBoth(t: Test, options: SimulatorOptions = {}) {
  const started = await startSimulator(t, { requestsPerMinute: Number.POSITIVE_INFINITY, ...options })
  const agency = await startAgency(t)
  await started.post('/just-in-time', { form: { url: agency.url } })
  return {
    ...started,
    agency,
    trigger(data: unknown, id = 'debt-account-123') {
      agency.respondWith({ data })
      return started.post('/just-in-time/trigger', { form: { debt_account_external_id: id } })
    },
  }
}
