import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

const YOUNG_BYTES = 16 * 1024 * 1024

/**
 * For commands that process many rows. Row processing creates many short-lived objects, and without this
 * limit V8 grows the heap. The young generation gets its final size at once; the old generation grows slowly.
 */
export function limitHeapGrowth() {
  setFlagsFromString('--semi-space-growth-factor=8')
  // V8 grows the young generation only when it contains live objects.
  const alive: object[] = []
  while (youngBytes() < YOUNG_BYTES && alive.length < 100_000)
    for (let count = 0; count < 1000; count++) alive.push({})
  setFlagsFromString('--semi-space-growth-factor=1')
  setFlagsFromString('--heap-growing-percent=20')
}

const youngBytes = () =>
  getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? YOUNG_BYTES
