import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

const YOUNG_BYTES = 16 * 1024 * 1024

/**
 * For work on rows without end, which live for a moment: V8 would answer that with ever more room for garbage.
 * The young generation grows at once to what rows need to die in it, and then no more; the old one only slowly.
 */
export function limitHeapGrowth() {
  setFlagsFromString('--semi-space-growth-factor=8')
  // V8 lets it grow when it finds something alive in it.
  const alive: object[] = []
  while (youngBytes() < YOUNG_BYTES && alive.length < 100_000)
    for (let count = 0; count < 1000; count++) alive.push({})
  setFlagsFromString('--semi-space-growth-factor=1')
  setFlagsFromString('--heap-growing-percent=20')
}

const youngBytes = () =>
  getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? YOUNG_BYTES
