/**
 * Spaces requests evenly. Tratta's page gives a number of requests a minute, but not which minute is counted:
 * even spacing stays below the limit in every one.
 */

interface Pacer {
  /**
   * Resolves when the request may start. `background` requests start when no other request waits, and at every
   * hundredth turn, so that they are never blocked for good.
   * Rejects with the reason of `signal` when it aborts first.
   */
  turn(options?: { background?: boolean | undefined; signal?: AbortSignal | undefined }): Promise<void>
  /** After a 429: starts nothing for `ms` milliseconds, and spaces later requests further apart. */
  slowDown(ms: number): void
  /** After a success: returns step by step to the configured rate. */
  speedUp(): void
}

/** Requests differ in latency, and MAX_LATE_MS allows a short burst: both must stay below the limit. */
const MARGIN = 1.012
const BACKGROUND_SHARE = 100
const MAX_SLOWDOWN = 8
/** Several 429s within this time have one cause. */
const SAME_CAUSE_MS = 1000
const MAX_LATE_MS = 250

export function pacer(requestsPerMinute: number): Pacer {
  const minIntervalMs = (60_000 / requestsPerMinute) * MARGIN
  let intervalMs = minIntervalMs
  let next = 0
  let started = 0
  let slowedAt = Number.NEGATIVE_INFINITY
  // Only while a request waits: a pending timer keeps the process alive.
  let timer: NodeJS.Timeout | undefined
  const urgent: Turn[] = []
  const background: Turn[] = []
  const isEmpty = () => urgent.length === 0 && background.length === 0

  function startDue() {
    while (!isEmpty()) {
      const wait = next - performance.now()
      // A timer may fire up to a millisecond early and takes at least one.
      if (wait > 0.5) {
        timer = setTimeout(startDue, wait)
        return
      }
      const backgroundFirst = urgent.length === 0 || (started + 1) % BACKGROUND_SHARE === 0
      const turn = (backgroundFirst ? background.shift() : undefined) ?? urgent.shift()!
      started += 1
      // Counts from the due time, so that small delays do not add up. Longer delays are not made up for.
      next = Math.max(next + intervalMs, performance.now() + intervalMs - MAX_LATE_MS)
      turn.start()
    }
    timer = undefined
  }

  return {
    turn({ background: isBackground = false, signal } = {}) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const queue = isBackground ? background : urgent
        const abort = () => {
          queue.splice(queue.indexOf(turn), 1)
          if (isEmpty()) {
            clearTimeout(timer)
            timer = undefined
          }
          reject(signal!.reason)
        }
        const turn = {
          start() {
            signal?.removeEventListener('abort', abort)
            resolve()
          },
        }
        signal?.addEventListener('abort', abort, { once: true })
        queue.push(turn)
        if (timer) return
        // Idle time is not a delay to make up for.
        next = Math.max(next, performance.now())
        startDue()
      })
    },
    slowDown(ms) {
      const now = performance.now()
      next = Math.max(next, now + ms)
      if (now < slowedAt + SAME_CAUSE_MS) return
      slowedAt = now
      intervalMs = Math.min(intervalMs * 1.5, minIntervalMs * MAX_SLOWDOWN)
    },
    speedUp() {
      intervalMs = Math.max(minIntervalMs, intervalMs * 0.98)
    },
  }
}

interface Turn {
  start(): void
}
