import t from 'tap'
import { backoffMs } from '../../src/tratta/backoff.ts'

t.test('the wait doubles with each attempt, up to maxMs, and is random up to twice that', async (t) => {
  for (const [attempt, base] of [
    [0, 100],
    [1, 200],
    [2, 400],
    [3, 700],
    [30, 700],
  ] as const) {
    const waits = Array.from({ length: 200 }, () => backoffMs(attempt, { minMs: 100, maxMs: 700 }))
    t.ok(
      waits.every((wait) => wait >= base && wait < 2 * base),
      `attempt ${attempt}`,
    )
    t.ok(Math.max(...waits) - Math.min(...waits) > base / 2, 'not always the same wait')
  }
})
