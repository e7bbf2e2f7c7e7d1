import { type BulkActions, createBulkActions } from './bulk-actions.ts'
import { createFaultQueue, type FaultQueue } from './fault-injection.ts'
import { createRandom } from './random.ts'
import { createRateLimit } from './rate-limit.ts'
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
  const store = createStore()
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
