import { type BulkActions, createBulkActions } from './bulk-actions.ts'
import { createFaultQueue, type FaultQueue } from './fault-injection.ts'
import { createRandom } from './random.ts'
import type { RecordedRequest } from './recorded-request.ts'
import type { SimulatorSettings } from './settings.ts'
import { createStore, type WritableStore } from './store.ts'

/** Everything that a reset replaces. */
export interface State {
  settings: SimulatorSettings
  store: WritableStore
  bulkActions: BulkActions
  /** Registered URLs in order of registration. */
  jitUrls: string[]
  requests: RecordedRequest[]
  faults: FaultQueue
  /** Returns milliseconds until a request is allowed. */
  rateLimit: (requestsPerMinute: number) => number
  random: () => number
}

export function createState(settings: SimulatorSettings): State {
  const store = createStore(() => state.settings)
  const state: State = {
    settings,
    store,
    bulkActions: createBulkActions(store, () => state.settings),
    jitUrls: [],
    requests: [],
    faults: createFaultQueue(),
    rateLimit: createRateLimit(),
    random: createRandom(settings.seed),
  }
  return state
}

/**
 * Counts over a sliding window of 60 seconds: a client that keeps this limit also keeps the limit of any fixed
 * window. A rejected request does not count.
 * @param clock milliseconds
 * @returns a function that counts a request, and returns 0 if it is allowed, else milliseconds until one is
 */
export function createRateLimit(clock = () => performance.now()): (requestsPerMinute: number) => number {
  const allowed: number[] = []
  return (requestsPerMinute) => {
    if (requestsPerMinute === Number.POSITIVE_INFINITY) return 0
    const now = clock()
    while (allowed.length > 0 && allowed[0]! <= now - 60_000) allowed.shift()
    if (allowed.length >= requestsPerMinute) return allowed[0]! + 60_000 - now
    allowed.push(now)
    return 0
  }
}
