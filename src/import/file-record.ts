/** What a file is cut into, before anybody has looked at what it means. */

export interface FileRecord {
  /** Its first line in the file, from 1. */
  line: number
  /** As it came, a character for a byte, without the line end. */
  raw: string
  /** Of CSV: its fields, a character for a byte. */
  fields?: string[]
  /** Why it cannot be cut. */
  fault?: string
}

export interface Splitter {
  /** Gives every record that is whole by now. */
  write(text: string): void
  /** Gives the last one. */
  end(): void
}

/** A record is at most so long: 1 MB in one field is not a mistake, a file without an end of line is. */
export const MOST_RECORD = 4 * 1024 * 1024

export function countLines(text: string, from: number, to: number) {
  let lines = 0
  for (let at = text.indexOf('\n', from); at !== -1 && at < to; at = text.indexOf('\n', at + 1)) lines++
  return lines
}
