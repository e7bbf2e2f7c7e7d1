import type { Reason } from '../row-error.ts'

/** One record of a file before its content is read. */
export interface FileRecord {
  /** Its first line in the file, from 1. */
  line: number
  /** One character per byte, without the line end. */
  raw: string
  /** CSV only: the fields, one character per byte. */
  fields?: string[]
  /** Why the record cannot be split into fields. */
  reason?: Reason
}

export interface Splitter {
  /** Emits every record that is complete so far. */
  write(text: string): void
  /** Emits the last record. */
  end(): void
}

/** Fields of 1 MB occur. A longer record is a file without line ends. */
export const MAX_RECORD_BYTES = 4 * 1024 * 1024

export function countLines(text: string, from: number, to: number) {
  let lines = 0
  for (let at = text.indexOf('\n', from); at !== -1 && at < to; at = text.indexOf('\n', at + 1)) lines++
  return lines
}

/** Some programs end a file with Ctrl-Z, as CP/M did. */
export const END_OF_FILE = '\u001a'

export const isBlank = (text: string) => text.replaceAll(END_OF_FILE, '').trim() === ''

/** Removes Ctrl-Z and the blanks around it from the end of a file. */
export function withoutEndOfFile(text: string) {
  let end = text.length
  while (end > 0 && isBlank(text[end - 1]!)) end -= 1
  return text.includes(END_OF_FILE, end) ? text.slice(0, end) : text
}
