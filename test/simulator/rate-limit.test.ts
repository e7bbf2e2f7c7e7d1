import t from 'tap'
import { createRateLimit } from '../../src/simulator/state.ts'

/** A rate limit with a clock that the test sets, in milliseconds. */
function rateLimitAt() {
  let now = 0
  const rateLimit = createRateLimit(() => now)
  return (at: number, requestsPerMinute: number) => {
    now = at
    return rateLimit(requestsPerMinute)
  }
}

t.test('a request counts for 60 seconds', async (t) => {
  const waitAt = rateLimitAt()
  t.equal(waitAt(0, 2), 0)
  t.equal(waitAt(30_000, 2), 0)
  t.equal(waitAt(30_000, 2), 30_000, 'until the first request is 60 seconds old')
  t.equal(waitAt(59_999, 2), 1)
  t.equal(waitAt(60_000, 2), 0)
  t.equal(waitAt(60_000, 2), 30_000, 'until the second request is 60 seconds old')
  t.equal(waitAt(90_000, 2), 0)
})

t.test('a rejected request does not count', async (t) => {
  const waitAt = rateLimitAt()
  t.equal(waitAt(0, 1), 0)
  for (const at of [10_000, 20_000, 59_000]) t.equal(waitAt(at, 1), 60_000 - at)
  t.equal(waitAt(60_000, 1), 0)
})

t.test('the limit can change, and Infinity disables it', async (t) => {
  const waitAt = rateLimitAt()
  t.equal(waitAt(0, 1), 0)
  t.equal(waitAt(1, 1), 59_999)
  t.equal(waitAt(1, Number.POSITIVE_INFINITY), 0)
  t.equal(waitAt(1, 2), 0)
  t.equal(waitAt(1, 2), 59_999)
})
