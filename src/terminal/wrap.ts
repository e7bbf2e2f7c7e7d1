const MIN_COLUMNS = 20

/**
 * Splits a text into lines between words. A word that is longer than a line, such as a URL, is not split.
 * @param columns the length of a line in characters; undefined: the text is one line
 */
export function wrap(text: string, columns: number | undefined): string[] {
  if (columns === undefined) return [text]
  const max = Math.max(columns, MIN_COLUMNS)
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!
    if (line === '') lines[lines.length - 1] = word
    else if (line.length + 1 + word.length <= max) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines
}
