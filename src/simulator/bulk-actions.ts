import { processBulkRow } from './bulk-row.ts'
import { varyErrorRow } from './bulk-variations.ts'
import { createCompressedRecords } from './compressed-records.ts'
import { sortJsonKeys } from './json.ts'
import type { SimulatorSettings } from './settings.ts'
import type { WritableStore } from './store.ts'

export interface BulkAction {
  bulk_id: string
  /** Number of rows sent. */
  count: number
  status: 'pending' | 'completed'
  /** Number of rows with at least one error. */
  rows_with_errors: number
}

export interface BulkActions {
  /** In order of creation. */
  list(): BulkAction[]
  /** Accepts the rows and processes them later (bulk.txt: "asynchronously"). */
  create(rows: unknown[]): BulkAction
  find(id: string): BulkAction | undefined
  /** Rows with errors as JSON texts, in the shape of bulk.txt. */
  errors(id: string, from?: number, to?: number): string[]
  isPending(): boolean
  /** Resolves when no action is pending. */
  settled(): Promise<void>
  /** Drops pending actions. */
  stop(): void
}

export function createBulkActions(store: WritableStore, settings: () => SimulatorSettings): BulkActions {
  const actions = new Map<string, BulkAction & { positions: number[] }>()
  const errorRows = createCompressedRecords()
  const timers = new Set<NodeJS.Timeout>()
  const waiting: (() => void)[] = []
  let rowCount = 0

  function complete(id: string, rows: unknown[], firstRowId: number): void {
    const action = actions.get(id)!
    for (const [index, payload] of rows.entries()) {
      const errors = processBulkRow(payload, store, settings())
      if (!errors) continue
      const documented = {
        id: firstRowId + index,
        payload: sortJsonKeys(payload),
        errors: sortJsonKeys(errors),
      }
      const row = varyErrorRow(documented, index + 1, settings())
      action.positions.push(errorRows.add(JSON.stringify(row)))
    }
    action.rows_with_errors = action.positions.length
    action.status = 'completed'
  }

  const resolveWaiting = () => {
    for (const resolve of waiting.splice(0)) resolve()
  }

  return {
    list: () => [...actions.values()].map(withoutPositions),
    find(id) {
      const action = actions.get(id)
      return action && withoutPositions(action)
    },
    create(rows) {
      const id = `b0000000-0000-4000-8000-${(actions.size + 1).toString(16).padStart(12, '0')}`
      const action = { bulk_id: id, count: rows.length, status: 'pending' as const, rows_with_errors: 0 }
      actions.set(id, { ...action, positions: [] })
      const firstRowId = rowCount + 1
      rowCount += rows.length
      const timer = setTimeout(() => {
        timers.delete(timer)
        complete(id, rows, firstRowId)
        if (timers.size === 0) resolveWaiting()
      }, settings().bulkDelayMs)
      timers.add(timer)
      return action
    },
    errors: (id, from, to) => actions.get(id)!.positions.slice(from, to).map(errorRows.read),
    isPending: () => timers.size > 0,
    settled: () => (timers.size === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    stop() {
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
      resolveWaiting()
    },
  }
}

function withoutPositions({ positions: _, ...action }: BulkAction & { positions: number[] }): BulkAction {
  return action
}
