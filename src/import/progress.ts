import { formatDuration, formatNumber } from '../terminal/format.ts'
import { showProgress } from '../terminal/progress.ts'

type Phase = 'waiting' | 'reading' | 'validating' | 'merging' | 'committing'

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

/** @returns a function that ends the display */
export function showImportProgress(file: string, progress: ImportProgress, asJson: boolean): () => void {
  return showProgress(
    asJson,
    (seconds) => progressEvent(file, progress, seconds),
    () => progressLine(file, progress),
  )
}

function progressEvent(file: string, progress: ImportProgress, seconds: number) {
  const { phase, phaseSeconds, rows, rejected, readSeconds } = progress
  const secondsLeft = readSecondsLeft(progress)
  return {
    file,
    phase,
    seconds: Math.round(seconds),
    phase_seconds: Math.round(phaseSeconds),
    rows,
    rows_per_second: perSecond(rows, readSeconds),
    rows_rejected: rejected,
    ...(secondsLeft !== undefined && { seconds_to_read: Math.round(secondsLeft) }),
  }
}

function progressLine(file: string, progress: ImportProgress) {
  const { phase, phaseSeconds, rows, rejected, readSeconds } = progress
  const counts = `${formatNumber(rows)} rows, ${formatNumber(rejected)} rejected`
  if (phase !== 'reading') return `${file}: ${phase}, ${formatDuration(Math.round(phaseSeconds))}; ${counts}`
  const secondsLeft = readSecondsLeft(progress)
  const left = secondsLeft === undefined ? '' : `, ${formatDuration(Math.round(secondsLeft))} left to read`
  return `${file}: ${counts}, ${formatNumber(perSecond(rows, readSeconds))}/s${left}`
}

const perSecond = (rows: number, seconds: number) => (seconds > 0 ? Math.round(rows / seconds) : 0)

function readSecondsLeft({ phase, size, bytesRead, readSeconds }: ImportProgress) {
  if (phase !== 'reading' || !size || bytesRead === 0) return undefined
  return (readSeconds * (size - bytesRead)) / bytesRead
}
