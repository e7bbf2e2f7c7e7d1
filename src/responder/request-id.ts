import { randomBytes } from 'node:crypto'

const ID_BYTES = 8
/** Ids per call of the random generator. One call for each id is slower than the rest of the work. */
const BATCH = 512

/** @returns a generator of random ids of 16 characters. A counter would disclose the number of calls. */
export function requestIds(): () => string {
  let random = Buffer.alloc(0)
  let offset = 0
  return () => {
    if (offset === random.length) {
      random = randomBytes(ID_BYTES * BATCH)
      offset = 0
    }
    const start = offset
    offset += ID_BYTES
    return random.toString('hex', start, offset)
  }
}
