/**
 * Counts over a sliding window of 60 seconds: a client that keeps this limit also keeps the limit of any fixed
 * window. A rejected request does not count.
 * @returns a function that counts a request, and returns 0 if it is allowed, else milliseconds until one is
 */
export function createRateLimit(): (requestsPerMinute: number) => number {
  const allowed: number[] = []
  return (requestsPerMinute) => {
    if (requestsPerMinute === Number.POSITIVE_INFINITY) return 0
    const now = performance.now()
    while (allowed.length > 0 && allowed[0]! <= now - 60_000) allowed.shift()
    if (allowed.length >= requestsPerMinute) return allowed[0]! + 60_000 - now
    allowed.push(now)
    return 0
  }
}
