/** Runs long work in slices, so that the event loop serves other calls between the slices. */
import { setImmediate } from 'node:timers/promises'
import { DeadlineExceededError } from '../database/database-errors.ts'

const SLICE_MS = 2

/**
 * @param until the deadline, on the clock of performance.now()
 * @throws {DeadlineExceededError} when the steps have not ended by the deadline
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
