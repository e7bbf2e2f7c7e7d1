import { takeBulkRow } from './bulk-row.ts'
import type { WritableHoldings } from './holdings.ts'
import { inColumnOrder } from './in-column-order.ts'
import { createPackedRecords } from './packed-records.ts'
import type { SimulatorSettings } from './settings.ts'

export interface BulkAction {
  bulk_id: string
  /** Rows that were sent. */
  count: number
  status: 'pending' | 'completed'
  /** Rows that have at least one error. */
  rows_with_errors: number
}

export interface BulkActions {
  /** In the order in which they came. */
  list(): BulkAction[]
  /** Takes the rows now and judges them later: bulk.txt calls it asynchronous. */
  create(rows: unknown[]): BulkAction
  find(id: string): BulkAction | undefined
  /** Rows with errors as JSON texts, in the shape of bulk.txt. */
  errors(id: string, from?: number, to?: number): string[]
  /** When nothing is pending any more. */
  settled(): Promise<void>
  /** Forgets what is pending. */
  stop(): void
}

export function createBulkActions(
  holdings: WritableHoldings,
  settings: () => SimulatorSettings,
): BulkActions {
  const actions = new Map<string, BulkAction & { positions: number[] }>()
  const errorRows = createPackedRecords()
  const timers = new Set<NodeJS.Timeout>()
  const waiting: (() => void)[] = []
  let rowsSoFar = 0

  function complete(id: string, rows: unknown[], firstRowId: number): void {
    const action = actions.get(id)!
    for (const [index, payload] of rows.entries()) {
      const errors = takeBulkRow(payload, holdings, settings())
      if (!errors) continue
      const row = { id: firstRowId + index, payload: inColumnOrder(payload), errors: inColumnOrder(errors) }
      action.positions.push(errorRows.add(JSON.stringify(row)))
    }
    action.rows_with_errors = action.positions.length
    action.status = 'completed'
  }

  return {
    list: () => [...actions.values()].map(publicPart),
    find(id) {
      const action = actions.get(id)
      return action && publicPart(action)
    },
    create(rows) {
      const id = `b0000000-0000-4000-8000-${(actions.size + 1).toString(16).padStart(12, '0')}`
      const action = { bulk_id: id, count: rows.length, status: 'pending' as const, rows_with_errors: 0 }
      actions.set(id, { ...action, positions: [] })
      const firstRowId = rowsSoFar + 1
      rowsSoFar += rows.length
      const timer = setTimeout(() => {
        timers.delete(timer)
        complete(id, rows, firstRowId)
        if (timers.size === 0) for (const resolve of waiting.splice(0)) resolve()
      }, settings().bulkDelayMs)
      timers.add(timer)
      return action
    },
    errors: (id, from, to) => actions.get(id)!.positions.slice(from, to).map(errorRows.read),
    settled: () => (timers.size === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    stop() {
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
      for (const resolve of waiting.splice(0)) resolve()
    },
  }
}

function publicPart({ positions: _, ...action }: BulkAction & { positions: number[] }): BulkAction {
  return action
}
