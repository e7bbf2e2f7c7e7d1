import { setTimeout as pause } from 'node:timers/promises'
import { userFacing } from '../database/connection-errors.ts'
import { formatDuration } from '../terminal/format.ts'
import { backoffMs } from '../tratta/backoff.ts'
import { UserFacingError } from '../user-facing-error.ts'
import type { PushProgress } from './progress.ts'

/** The push cannot continue. The next one resumes it. */
export class PushStoppedError extends UserFacingError {
  constructor(message: string, cause?: unknown) {
    super(message.replace(/\.$/, ''), { remedy: 'What was sent is stored: run it again to resume', cause })
  }

  /** @returns the error itself when it is unexpected */
  static from(error: unknown): unknown {
    const known = userFacing(error)
    return known && !(known instanceof PushStoppedError) ? new PushStoppedError(known.message, error) : error
  }
}

const TIMEOUT_MS = 120_000
/** A pacer at a low rate makes few attempts in that time. */
const MIN_FAILURES = 5
const MAX_BUSY_MS = 15 * 60_000
const BACKOFF = { minMs: 250, maxMs: 5000 }

interface Failure {
  message: string
  /** Tratta requested a later attempt: 429, 409, 423, 425. */
  isBusy: boolean
  retryAfterMs: number | undefined
}

export interface Backoff {
  succeeded(): void
  /**
   * Waits before the next attempt, longer each time.
   * @throws {PushStoppedError} when nothing has succeeded for too long, or Tratta requires too long a wait
   */
  wait(failure: Failure, attempt: number, signal: AbortSignal): Promise<void>
}

/** The time without a success after which a push stops, in milliseconds. */
export interface BackoffLimits {
  /** Without an answer that invites another attempt. Default 2 minutes. */
  timeoutMs?: number
  /** With 429 and similar answers; also the longest Retry-After. Default 15 minutes. */
  maxBusyMs?: number
}

/** Shared by all requests of a push. */
export function createBackoff(
  progress: PushProgress,
  { timeoutMs = TIMEOUT_MS, maxBusyMs = MAX_BUSY_MS }: BackoffLimits = {},
): Backoff {
  let failures = 0
  let failingSince: number | undefined
  let busySince: number | undefined

  return {
    succeeded() {
      failures = 0
      failingSince = undefined
      busySince = undefined
      progress.pause = undefined
    },
    async wait({ message, isBusy, retryAfterMs = 0 }, attempt, signal) {
      const now = performance.now()
      if (retryAfterMs > maxBusyMs)
        throw new PushStoppedError(
          `Tratta requires a wait of ${formatDuration(Math.ceil(retryAfterMs / 1000))}. ${message}`,
        )
      busySince ??= now
      if (isBusy) {
        failures = 0
        failingSince = undefined
      } else {
        failures += 1
        failingSince ??= now
      }
      const silentMs = now - (failingSince ?? now)
      if (silentMs > timeoutMs && failures >= MIN_FAILURES)
        throw new PushStoppedError(
          `Tratta has accepted nothing for ${Math.round(silentMs / 1000)} s. ${message}`,
        )
      if (now - busySince > maxBusyMs)
        throw new PushStoppedError(
          `Tratta has accepted nothing for ${formatDuration(Math.round((now - busySince) / 1000))}. ${message}`,
        )
      const ms = retryAfterMs + backoffMs(attempt, BACKOFF)
      progress.pause = { message, until: now + ms }
      await pause(ms, undefined, { signal })
    },
  }
}
