import { setFlagsFromString } from 'node:v8'

/** For work on rows without end, which live for a moment: V8 would answer that with ever more room for garbage. */
export function boundMemory() {
  setFlagsFromString('--semi-space-growth-factor=1')
  setFlagsFromString('--heap-growing-percent=20')
}
