/**
 * The known name that needs the fewest edits (letters added, removed or changed) to become this name.
 * @returns undefined when even that one needs more than `maxEdits`
 */
export function nearestName(name: string, known: readonly string[], maxEdits: number): string | undefined {
  let nearest: string | undefined
  let fewest = maxEdits + 1
  for (const one of known) {
    if (Math.abs(one.length - name.length) >= fewest) continue
    const edits = editDistance(name, one)
    if (edits < fewest) [nearest, fewest] = [one, edits]
  }
  return nearest
}

/** Levenshtein distance. */
function editDistance(from: string, to: string) {
  let above = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const change = from[row - 1] === to[column - 1] ? 0 : 1
      current.push(Math.min(above[column]! + 1, current[column - 1]! + 1, above[column - 1]! + change))
    }
    above = current
  }
  return above.at(-1)!
}
