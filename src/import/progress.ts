export type Phase = 'waiting' | 'reading' | 'validating' | 'merging' | 'committing'

/** The state of one running import. */
export class ImportProgress {
  phase: Phase = 'waiting'
  rows = 0
  rejected = 0
  /** Size of the file and bytes read. The size of a pipe is undefined. */
  size: number | undefined
  bytesRead = 0
  #phaseStart = performance.now()
  #readSeconds = 0

  enter(phase: Phase) {
    this.#readSeconds = this.readSeconds
    this.phase = phase
    this.#phaseStart = performance.now()
  }

  get phaseSeconds() {
    return (performance.now() - this.#phaseStart) / 1000
  }

  /** Duration of the reading phase, so far or in total. */
  get readSeconds() {
    return this.phase === 'reading' ? this.phaseSeconds : this.#readSeconds
  }
}
