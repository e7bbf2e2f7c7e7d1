/** Long work in the event loop, in slices, so that other calls are answered between them. */
import { setImmediate } from 'node:timers/promises'
import { DeadlineExceededError } from '../database/database-errors.ts'

const SLICE_MS = 2

/**
 * @param until as performance.now() counts
 * @throws {DeadlineExceededError} when the steps have not ended by then
 */
export async function inSlices<T>(steps: Generator<undefined, T>, until: number): Promise<T> {
  let sliceEnd = performance.now() + SLICE_MS
  for (;;) {
    const { done, value } = steps.next()
    const now = performance.now()
    if (now > until) throw new DeadlineExceededError()
    if (done) return value
    if (now < sliceEnd) continue
    await setImmediate()
    sliceEnd = performance.now() + SLICE_MS
  }
}
