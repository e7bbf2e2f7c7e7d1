/**
 * The wait before another attempt, longer each time. It is random, so that clients whose requests failed together
 * do not send them again together.
 * @param attempt the number of earlier waits, from 0
 * @returns milliseconds, between d and 2 d where d is `minMs` doubled `attempt` times, at most `maxMs`
 */
export function backoffMs(attempt: number, { minMs, maxMs }: { minMs: number; maxMs: number }): number {
  return Math.min(maxMs, minMs * 2 ** attempt) * (1 + Math.random())
}
