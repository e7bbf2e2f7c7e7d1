/** The page's example shows keys by length, then by letter: the order of a JSON column, not the order sent. */
export function inColumnOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inColumnOrder)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, inner]) => [key, inColumnOrder(inner)] as const)
  return Object.fromEntries(entries.sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1)))
}
