import { type BulkActions, createBulkActions } from './bulk-actions.ts'
import { createDraw } from './draw.ts'
import { createHoldings, type WritableHoldings } from './holdings.ts'
import { createMisbehaviours, type Misbehaviours } from './misbehaviour.ts'
import { createRateLimit, type RateLimit } from './rate-limit.ts'
import type { RecordedRequest } from './recorded-request.ts'
import type { SimulatorSettings } from './settings.ts'

/** Everything that a reset forgets. */
export interface State {
  settings: SimulatorSettings
  holdings: WritableHoldings
  bulkActions: BulkActions
  /** Registered URLs, in the order in which they came. */
  jitUrls: string[]
  requests: RecordedRequest[]
  misbehaviours: Misbehaviours
  rateLimit: RateLimit
  drawLoss: () => number
}

export function createState(settings: SimulatorSettings): State {
  const holdings = createHoldings()
  const state: State = {
    settings,
    holdings,
    bulkActions: createBulkActions(holdings, () => state.settings),
    jitUrls: [],
    requests: [],
    misbehaviours: createMisbehaviours(),
    rateLimit: createRateLimit(),
    drawLoss: createDraw(settings.seed),
  }
  return state
}
