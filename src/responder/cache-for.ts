/** Caches the result for `ttlMs` milliseconds. Concurrent callers share one call of `load`. */
export function cacheFor<Result>(ttlMs: number, load: () => Promise<Result>): () => Promise<Result> {
  let last: { at: number; result: Promise<Result> } | undefined
  return () => {
    const now = performance.now()
    if (!last || now - last.at >= ttlMs) last = { at: now, result: load() }
    return last.result
  }
}
