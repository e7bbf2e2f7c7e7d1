export interface RateLimit {
  /** Milliseconds until a request may pass; 0 if this one has passed. */
  take(requestsPerMinute: number): number
}

/**
 * Counts over any sixty seconds, not by the clock's minute: whoever keeps this limit keeps every other way
 * of counting as well. A refused request does not count.
 */
export function createRateLimit(): RateLimit {
  const passed: number[] = []
  return {
    take(requestsPerMinute) {
      if (requestsPerMinute === Number.POSITIVE_INFINITY) return 0
      const now = performance.now()
      while (passed.length > 0 && passed[0]! <= now - 60_000) passed.shift()
      if (passed.length >= requestsPerMinute) return passed[0]! + 60_000 - now
      passed.push(now)
      return 0
    },
  }
}
