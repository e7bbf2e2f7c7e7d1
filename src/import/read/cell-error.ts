import type { Reason } from '../row-error.ts'

/** A cell is not a value of its column. */
export class CellError extends Error {
  readonly reason: Reason
  constructor(reason: Reason) {
    super(reason.code)
    this.reason = reason
  }
}
