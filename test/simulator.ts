import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { createSimulator, type Simulator, type SimulatorOptions } from '../src/simulator/create-simulator.ts'

export interface Answer {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: whatever JSON it is, or a text
  body: any
}

export interface Ask {
  method?: string
  json?: unknown
  form?: Record<string, string>
  text?: string
  headers?: Record<string, string>
}

export const tokenAndJson = { authorization: 'Bearer simulated-token', accept: 'application/json' }

/** Sends one request on a connection of its own; redirects are not followed. */
export async function ask(
  url: string,
  { method = 'POST', json, form, text, headers }: Ask = {},
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

/** A simulator that ends with the test; `post` and `get` go below /api/v1, `control` beside it. */
export async function startSimulator(t: Test, options: SimulatorOptions = {}) {
  const simulator: Simulator = await createSimulator(options)
  t.teardown(() => simulator.close())
  return {
    simulator,
    post: (path: string, given: Ask) => ask(simulator.url + path, given),
    get: (path: string, given: Ask = {}) => ask(simulator.url + path, { method: 'GET', ...given }),
    control: (path: string, given: Ask = {}) =>
      ask(simulator.url.replace('/api/v1', `/simulator${path}`), { headers: {}, ...given }),
  }
}

/** The agency's side: answers what `answer` says, which a test replaces as it likes. */
export async function startAgency(t: Test) {
  const agency = {
    url: '',
    asked: [] as string[],
    answer: (_request: IncomingMessage, response: ServerResponse): void => void response.end(),
    /** From now on answers 200 with this. */
    says(body: unknown) {
      agency.answer = (_request, response) => {
        response.setHeader('content-type', 'application/json')
        response.end(typeof body === 'string' ? body : JSON.stringify(body))
      }
    },
  }
  const server = createServer((request, response) => {
    agency.asked.push(`${request.method} ${request.url}`)
    agency.answer(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  agency.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jit/secret`
  return agency
}

/** A simulator at which an agency is registered. `trigger` lets the agency say `data` and asks about `asked`. */
export async function startBoth(t: Test, options: SimulatorOptions = {}) {
  const started = await startSimulator(t, { requestsPerMinute: Number.POSITIVE_INFINITY, ...options })
  const agency = await startAgency(t)
  await started.post('/just-in-time', { form: { url: agency.url } })
  return {
    ...started,
    agency,
    trigger(data: unknown, asked = 'debt-account-123') {
      agency.says({ data })
      return started.post('/just-in-time/trigger', { form: { debt_account_external_id: asked } })
    },
  }
}
