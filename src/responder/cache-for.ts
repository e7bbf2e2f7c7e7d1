/** Caches the result for `ms` milliseconds; concurrent callers share one query. */
export function cacheFor<Answer>(
  milliseconds: number,
  findOut: () => Promise<Answer>,
): () => Promise<Answer> {
  let last: { at: number; answer: Promise<Answer> } | undefined
  return () => {
    const now = performance.now()
    if (!last || now - last.at >= milliseconds) last = { at: now, answer: findOut() }
    return last.answer
  }
}
