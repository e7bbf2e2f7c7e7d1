import { randomBytes } from 'node:crypto'

const ID_BYTES = 8
/** One call of the random generator for this number of ids: a call for each id costs more than the id. */
const BATCH = 512

/** @returns a generator of random ids of 16 characters. A counter would show outsiders how often Tratta calls. */
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
