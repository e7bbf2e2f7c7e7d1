import { formatDuration, formatNumber } from '../terminal/format.ts'
import { showProgress } from '../terminal/progress.ts'

type Phase = 'waiting' | 'reading' | 'validating' | 'merging' | 'committing'

/** The state of a running import. */
export class ImportProgress {
  phase: Phase = 'waiting'
  /** Of all files. */
  rows = 0
  rejected = 0
  /** The file that is being read. Undefined in every other phase. */
  file: string | undefined
  /** Size of this file and bytes read of it. The size of a pipe is undefined. */
  size: number | undefined
  bytesRead = 0
  #phaseStart = performance.now()
  #readSeconds = 0

  startFile(file: string) {
    this.enter('reading')
    this.file = file
    this.size = undefined
    this.bytesRead = 0
  }

  enter(phase: Phase) {
    this.#readSeconds = this.readSeconds
    this.file = undefined
    this.phase = phase
    this.#phaseStart = performance.now()
  }

  get phaseSeconds() {
    return (performance.now() - this.#phaseStart) / 1000
  }

  /** Duration of reading all files, so far or in total. */
  get readSeconds() {
    return this.#readSeconds + (this.phase === 'reading' ? this.phaseSeconds : 0)
  }
}

/**
 * @param files the names of all files
 * @returns a function that ends the display
 */
export function showImportProgress(files: string, progress: ImportProgress, asJson: boolean): () => void {
  return showProgress(
    asJson,
    (seconds) => progressEvent(progress.file ?? files, progress, seconds),
    () => progressLine(progress.file ?? files, progress),
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

function readSecondsLeft({ phase, size, bytesRead, phaseSeconds }: ImportProgress) {
  if (phase !== 'reading' || !size || bytesRead === 0) return undefined
  return (phaseSeconds * (size - bytesRead)) / bytesRead
}
