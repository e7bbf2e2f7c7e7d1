import { drawFor } from './draw.ts'
import type { Sent } from './holdings.ts'
import { inColumnOrder } from './in-column-order.ts'
import type { SimulatorSettings } from './settings.ts'

/**
 * The customer or account that is to be refused for no reason of its own, in the share of rows that
 * `refusedRows` says. The draw hangs on the row alone: the same row sent again, in
 * whatever order of its keys, is refused again.
 */
export function drawRefusal(row: Sent, settings: SimulatorSettings): unknown {
  if (settings.refusedRows === 0) return undefined
  const drawn = drawFor(JSON.stringify(inColumnOrder(row)), settings.seed)
  if (drawn >= settings.refusedRows) return undefined
  const { customer, parent_debt_accounts: parents, debt_accounts: accounts } = row
  const choices = [customer, parents, accounts].flat().filter((one) => one !== undefined)
  return choices[Math.floor((drawn / settings.refusedRows) * choices.length)]
}
