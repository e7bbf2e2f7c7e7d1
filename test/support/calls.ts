/** Calls at a constant rate: each is sent when it is due, also while earlier ones are not answered. */
import http from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'

export interface Call {
  /** When it was due, in milliseconds of performance.now(). */
  at: number
  /** From the time when it was due to its response or its error. */
  ms: number
  status?: number
  /** The error of the connection, without a complete response. */
  error?: string
}

interface Calls {
  /** The calls that have ended. */
  made: Call[]
  /** Sends no more calls, and waits for those in flight. */
  stop(): Promise<Call[]>
}

/** @param url the URL of all calls, or a function that returns that of the next call */
export function callAtRate(url: string | (() => string), perSecond: number): Calls {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 2000 })
  const made: Call[] = []
  const inFlight = new Set<Promise<void>>()
  let running = true
  const calling = (async () => {
    const start = performance.now()
    for (let count = 0; running; count++) {
      const at = start + (count * 1000) / perSecond
      const wait = at - performance.now()
      if (wait > 0) await pause(wait)
      const ended = call(typeof url === 'string' ? url : url(), agent, at).then((call) => {
        made.push(call)
        inFlight.delete(ended)
      })
      inFlight.add(ended)
    }
  })()
  return {
    made,
    async stop() {
      running = false
      await calling
      await Promise.all(inFlight)
      agent.destroy()
      return made
    },
  }
}

export function call(url: string, agent: http.Agent, at = performance.now()): Promise<Call> {
  return new Promise((resolve) => {
    const end = (result: { status?: number; error?: string }) =>
      resolve({ at, ms: performance.now() - at, ...result })
    http
      .get(url, { agent }, (response) => {
        response.resume()
        response.on('end', () => end({ status: response.statusCode ?? 0 }))
        response.on('error', (error) => end({ error: error.message }))
      })
      .on('error', (error: NodeJS.ErrnoException) => end({ error: error.code ?? error.message }))
  })
}

export const percentile = (calls: Call[], share: number) =>
  calls.map(({ ms }) => ms).sort((a, b) => a - b)[Math.ceil(calls.length * share) - 1] ?? 0

/** The number of calls by status or error. */
export function tally(calls: Call[]) {
  const counts: Record<string, number> = {}
  for (const { status, error } of calls) {
    const end = String(status ?? error)
    counts[end] = (counts[end] ?? 0) + 1
  }
  return counts
}
