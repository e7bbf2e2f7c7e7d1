/**
 * Lets requests begin one after the other, evenly. Tratta's page says how many a minute, not which minute is
 * meant: even spacing keeps below the limit of any.
 */
import { setTimeout as pause } from 'node:timers/promises'

export interface Pacer {
  /**
   * Waits for its turn. Those that can wait (`background`) get the turns that nobody else wants, and every
   * fiftieth of the others, so that they come on.
   */
  turn(options?: { background?: boolean | undefined; signal?: AbortSignal | undefined }): Promise<void>
  /** Tratta said that it was too many: nobody begins for so long, and then they begin further apart. */
  slowDown(ms: number): void
  /** Tratta took one: step by step back to the pace that was asked for. */
  speedUp(): void
}

/** Room for requests that travel slower than the next ones, and for those that make up for a late one (MOST_LATE_MS). */
const MARGIN = 1.012
const BACKGROUND_SHARE = 100
const MOST_SLOWED = 8
const SAME_REASON_MS = 1000
const MOST_LATE_MS = 250

export function pacer(requestsPerMinute: number): Pacer {
  const leastMs = (60_000 / requestsPerMinute) * MARGIN
  let everyMs = leastMs
  let next = 0
  let served = 0
  let slowed = Number.NEGATIVE_INFINITY
  let running = false
  const urgent: Turn[] = []
  const background: Turn[] = []

  async function run() {
    running = true
    for (;;) {
      const wait = next - performance.now()
      // A timer may be a millisecond early, and takes one at least: a turn that is due is not made to wait.
      if (wait > 0.5) {
        await pause(wait)
        continue
      }
      const isTheirs = urgent.length === 0 || (served + 1) % BACKGROUND_SHARE === 0
      const turn = (isTheirs ? background.shift() : undefined) ?? urgent.shift()
      if (!turn) break
      served += 1
      // From when it was due, so that lateness does not add up; but what was missed is not made up for.
      next = Math.max(next + everyMs, performance.now() + everyMs - MOST_LATE_MS)
      turn.begin()
    }
    running = false
  }

  return {
    turn({ background: canWait = false, signal } = {}) {
      return new Promise((resolve, reject) => {
        const list = canWait ? background : urgent
        const giveUp = () => {
          list.splice(list.indexOf(turn), 1)
          reject(signal!.reason)
        }
        const turn = {
          begin() {
            signal?.removeEventListener('abort', giveUp)
            resolve()
          },
        }
        if (signal?.aborted) return reject(signal.reason)
        signal?.addEventListener('abort', giveUp, { once: true })
        list.push(turn)
        if (running) return
        // Quiet time is no lateness to make up for.
        next = Math.max(next, performance.now())
        void run()
      })
    },
    slowDown(ms) {
      const now = performance.now()
      next = Math.max(next, now + ms)
      // Those that were under way together are one reason, not many.
      if (now < slowed + SAME_REASON_MS) return
      slowed = now
      everyMs = Math.min(everyMs * 1.5, leastMs * MOST_SLOWED)
    },
    speedUp() {
      everyMs = Math.max(leastMs, everyMs * 0.98)
    },
  }
}

interface Turn {
  begin(): void
}
