/** Starts a simulated Tratta in this process. */
import type { Test } from 'tap'
import { createSimulator, type Simulator } from '../../src/simulator/create-simulator.ts'
import type { SimulatorSettings } from '../../src/simulator/settings.ts'

export const TOKEN = 'token-of-the-simulated-bulk'

/** Settings in which Tratta differs from its pages. */
export type Variation = Partial<SimulatorSettings>

export interface Tratta extends Simulator {
  /** The external_ids of all stored accounts, sorted. */
  accounts(): string[]
  /** The number of bulk requests that Tratta accepted, and of their rows. */
  accepted(): { posts: number; rows: number }
}

export async function startTratta(t: Test, variation: Variation = {}): Promise<Tratta> {
  const simulator = await createSimulator({
    token: TOKEN,
    requestsPerMinute: Number.POSITIVE_INFINITY,
    ...variation,
  })
  t.teardown(() => simulator.close())
  return Object.assign(simulator, {
    accounts: () => [...simulator.store.debtAccounts.keys()].sort(),
    accepted: () => ({
      posts: simulator.bulkActions.length,
      rows: simulator.bulkActions.reduce((sum, { count }) => sum + count, 0),
    }),
  })
}
