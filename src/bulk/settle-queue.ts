/**
 * Reads the refusals of requests that Tratta has taken, behind the requests that are still to be sent.
 *
 * Tratta works on a request after it has answered ("asynchronously"), and has no address to ask whether it is
 * done: no refusals may mean that there are none, or none yet. So a request that Tratta called pending is
 * read when some time has passed since (TRATTA_BULK_WAIT_SECONDS), and once more much later, by whatever
 * command comes by then: LATE_MS.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import type { TrattaClient } from '../tratta/client.ts'
import { TrattaError } from '../tratta/tratta-error.ts'
import type { Patience } from './deliver.ts'
import { fetchErrors, isAboutThisOne, settle } from './settle.ts'

export const LATE_MS = 10 * 60_000
const WORKERS = 4
const LOOK_MS = 100

export interface TakenRequest {
  request: string
  bulkId: string
  completed: boolean
  /** Milliseconds since Tratta took it. */
  ageMs: number
}

export interface SettleQueue {
  add(taken: TakenRequest): void
  readonly waiting: number
  /** Nothing more will be added; resolves when all is read. */
  drain(): Promise<void>
}

interface Settling {
  pool: pg.Pool
  client: TrattaClient
  waitMs: number
  patient: Patience
  signal: AbortSignal
  /** Told of each request, with how many of its rows have something refused. */
  onSettled(rowsWithRefusals: number): void
  /** Told of a request whose refusals cannot be read, which stays as it is. */
  onUnreadable(message: string): void
  onFailed(error: unknown): void
}

export function settleQueue({ pool, client, waitMs, signal, ...told }: Settling): SettleQueue {
  const queue: { taken: TakenRequest; due: number }[] = []
  let reading = 0
  let complete = false

  async function work() {
    for (;;) {
      signal.throwIfAborted()
      const first = queue[0]
      if (!first && complete) return
      if (!first || first.due > performance.now()) {
        await pause(LOOK_MS, undefined, { signal })
        continue
      }
      queue.shift()
      reading += 1
      try {
        await read(first.taken)
      } finally {
        reading -= 1
      }
    }
  }

  async function read({ request, bulkId }: TakenRequest) {
    for (let attempt = 0; ; attempt++) {
      try {
        const errors = await fetchErrors(client, bulkId, { attempts: 1, background: true, signal })
        told.patient.answered()
        return told.onSettled(await settle(pool, request, errors, true))
      } catch (error) {
        if (isAboutThisOne(error)) return told.onUnreadable((error as Error).message)
        if (!(error instanceof TrattaError) || error.fate === 'refused') throw error
        await told.patient.wait(error.message, error.retryAfterMs, attempt, signal)
      }
    }
  }

  const working = Array.from({ length: WORKERS }, work)
  for (const one of working) one.catch(told.onFailed)
  return {
    add: (taken) => {
      const wait = taken.completed ? 0 : Math.max(0, waitMs - taken.ageMs)
      queue.push({ taken, due: performance.now() + wait })
    },
    get waiting() {
      return queue.length + reading
    },
    async drain() {
      complete = true
      await Promise.all(working)
    },
  }
}
