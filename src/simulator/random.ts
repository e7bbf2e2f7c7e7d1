import { crc32 } from 'node:zlib'
import { type JsonObject, sortJsonKeys } from './json.ts'
import type { SimulatorSettings } from './settings.ts'

/** A generator of numbers from 0 up to 1 (mulberry32); the same seed gives the same sequence. */
export function createRandom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    return scramble(state)
  }
}

/**
 * Chooses the customer or account to reject in the share of bulk rows that `rejectedRows` sets. The choice
 * depends only on the seed and the row's content, so the same row is rejected again, in any order of its keys.
 */
export function randomRejection(row: JsonObject, settings: SimulatorSettings): unknown {
  if (settings.rejectedRows === 0) return undefined
  const number = scramble(crc32(JSON.stringify(sortJsonKeys(row)), settings.seed >>> 0) | 0)
  if (number >= settings.rejectedRows) return undefined
  const { customer, parent_debt_accounts: parents, debt_accounts: accounts } = row
  const candidates = [customer, parents, accounts].flat().filter((one) => one !== undefined)
  return candidates[Math.floor((number / settings.rejectedRows) * candidates.length)]
}

function scramble(state: number): number {
  let mixed = Math.imul(state ^ (state >>> 15), state | 1)
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
}
