/** However many ask, it is found out so often at most; those in between share the last answer. */
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
