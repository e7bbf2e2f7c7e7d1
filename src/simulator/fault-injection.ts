import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendError } from './error-response.ts'
import { isObject } from './json.ts'

interface Scope {
  /** Number of requests; unlimited if absent. */
  times?: number
  /** Applies to this path below /api/v1, e.g. `/bulk`, and to paths below it; to all paths if absent. */
  path?: string
}

/**
 * - `slow`: processes the request at once and sends the response `ms` later
 * - `lost_response`: processes the request, then closes the connection without a response
 * - `outage`: the port is closed, for all paths, for `ms` or until the next `injectFaults`
 * - `status`: responds with `status`, Retry-After if `retryAfter` (seconds) is set, Location if 3xx
 * - `reset`: resets the connection without processing the request
 * - `html`: 200 with an HTML page; `empty`: 200 without a body; `huge`: 200 with 10 MB of JSON;
 *   `endless`: 200 with JSON that never ends
 */
export type InjectedFault =
  | (Scope & { kind: 'slow'; ms: number })
  | (Scope & { kind: 'lost_response' })
  | { kind: 'outage'; ms?: number }
  | (Scope & ReplacingFault)

/** A fault that responds instead of the API. */
type ReplacingFault =
  | { kind: 'status'; status: number; retryAfter?: number }
  | { kind: 'reset' | 'html' | 'empty' | 'huge' | 'endless' }

export type RequestFault = Exclude<InjectedFault, { kind: 'outage' }>

const kinds = {
  slow: true,
  outage: true,
  reset: true,
  lost_response: true,
  status: true,
  html: true,
  empty: true,
  huge: true,
  endless: true,
} satisfies Record<InjectedFault['kind'], true>

/** The first error in a list of faults from outside; undefined if all are valid. */
export function validateFaults(list: unknown[]): string | undefined {
  return list.map(faultError).find((error) => error !== undefined)
}

function faultError(fault: unknown): string | undefined {
  if (!isObject(fault) || !Object.hasOwn(kinds, String(fault.kind)))
    return `kind must be one of ${Object.keys(kinds).join(', ')}`
  const { kind, path, times, ms, status, retryAfter } = fault
  for (const [name, value] of Object.entries({ times, ms, status, retryAfter }))
    if (value !== undefined && !isWhole(value)) return `${name} must be a whole number`
  if (path !== undefined && typeof path !== 'string') return 'path must be a string'
  if (kind === 'slow' && ms === undefined) return 'slow needs ms'
  if (kind === 'status' && !(isWhole(status) && status >= 200 && status <= 599))
    return 'status must be 200 to 599'
  return undefined
}

const isWhole = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0

export interface FaultQueue {
  /** Replaces all earlier faults. */
  set(list: readonly RequestFault[]): void
  /** Returns the first fault that applies to this path, and counts it as used. */
  next(path: string): RequestFault | undefined
}

export function createFaultQueue(): FaultQueue {
  let queue: { fault: RequestFault; left: number }[] = []
  return {
    set(list) {
      queue = list.map((fault) => ({ fault, left: fault.times ?? Number.POSITIVE_INFINITY }))
    },
    next(path) {
      const found = queue.find(
        ({ fault, left }) =>
          left > 0 && (fault.path === undefined || path === fault.path || path.startsWith(`${fault.path}/`)),
      )
      if (found) found.left -= 1
      return found?.fault
    },
  }
}

const page =
  '<!DOCTYPE html>\n<html><head><title>Tratta</title></head><body>We will be right back.</body></html>\n'
const json = 'application/json'

/** Responds instead of the API. */
export function sendFault(request: FastifyRequest, reply: FastifyReply, fault: ReplacingFault): FastifyReply {
  switch (fault.kind) {
    case 'reset':
      request.raw.socket.resetAndDestroy()
      return reply.hijack()
    case 'status':
      if (fault.retryAfter !== undefined) reply.header('retry-after', fault.retryAfter)
      if (fault.status >= 300 && fault.status < 400) {
        return reply.redirect(`https://elsewhere.example${request.url}`, fault.status)
      }
      return sendError(request, reply, fault.status)
    case 'html':
      return reply.type('text/html; charset=utf-8').send(page)
    case 'empty':
      return reply.type(json).send('')
    case 'huge':
      return reply.type(json).send(`{"data":"${'x'.repeat(10_000_000)}"}`)
    case 'endless':
      return reply.type(json).send(Readable.from(endless()))
  }
}

async function* endless(): AsyncGenerator<string> {
  yield '{"data":"'
  for (;;) {
    yield 'x'.repeat(16_384)
    // The pause leaves CPU time to other processes; 3 MB/s still reaches a client's size limit soon.
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
