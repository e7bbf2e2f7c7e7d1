/** Splits NDJSON into lines and a JSON array into elements. Does not parse them. */
import { UserFacingError } from '../../user-facing-error.ts'
import {
  countLines,
  type FileRecord,
  MAX_RECORD_BYTES,
  type Splitter,
  withoutEndOfFile,
} from './file-record.ts'

const tooLong = (line: number) =>
  new UserFacingError(
    `The record that begins in line ${line} is longer than ${MAX_RECORD_BYTES} bytes: is it one record?`,
  )

export function splitLines(onRecord: (record: FileRecord) => void): Splitter {
  let rest = ''
  let line = 1

  function emit(raw: string) {
    if (raw.trim() !== '') onRecord({ line, raw: raw.trim() })
    line += 1
  }

  return {
    write(text) {
      const all = rest + text
      let at = 0
      for (let end = all.indexOf('\n'); end !== -1; end = all.indexOf('\n', at)) {
        emit(all.slice(at, end))
        at = end + 1
      }
      rest = all.slice(at)
      if (rest.length > MAX_RECORD_BYTES) throw tooLong(line)
    },
    end: () => emit(withoutEndOfFile(rest)),
  }
}

const QUOTE = 34
const BACKSLASH = 92
const COMMA = 44
const OPENING_BRACKET = 91
const CLOSING_BRACKET = 93
const OPENING_BRACE = 123
const CLOSING_BRACE = 125

/** Counts brackets and quotes. */
export function splitArray(onRecord: (record: FileRecord) => void): Splitter {
  let rest = ''
  let line = 1
  /** The next position in `rest`. */
  let at = 0
  let depth = 0
  let isInString = false
  let state: 'before' | 'first' | 'within' | 'after' = 'before'

  /** Emits the text before `end` and removes it from `rest`. */
  function emit(end: number, isLast: boolean) {
    const element = rest.slice(0, end)
    const raw = element.trim()
    const firstLine = line + countLines(element, 0, raw === '' ? end : element.indexOf(raw[0]!))
    line += countLines(element, 0, end)
    if (raw !== '') onRecord({ line: firstLine, raw })
    // Without text, the element is missing, unless the array is empty.
    else if (!isLast || state === 'within') onRecord({ line, raw, reason: { code: 'extra_comma' } })
    state = isLast ? 'after' : 'within'
    rest = rest.slice(end + 1)
    at = 0
  }

  function step(code: number) {
    if (isInString) {
      if (code === BACKSLASH) at += 1
      else if (code === QUOTE) isInString = false
    } else if (code === QUOTE) isInString = true
    else if (code === OPENING_BRACE || code === OPENING_BRACKET) depth += 1
    else if (code === CLOSING_BRACE || code === CLOSING_BRACKET) depth -= 1
    at += 1
    if (depth === 0) emit(at - 1, true)
    else if (depth === 1 && code === COMMA && !isInString) emit(at - 1, false)
  }

  return {
    write(text) {
      rest += text
      if (state === 'before') {
        const start = rest.search(/\S/)
        if (start === -1) return
        if (rest[start] !== '[') throw new UserFacingError(`Line ${line}: a JSON array must begin with [`)
        line += countLines(rest, 0, start)
        rest = rest.slice(start + 1)
        depth = 1
        state = 'first'
      }
      while (state !== 'after' && at < rest.length) step(rest.charCodeAt(at))
      if (rest.length > MAX_RECORD_BYTES) throw tooLong(line)
      if (state === 'after' && withoutEndOfFile(rest).trim() !== '')
        throw new UserFacingError(`Line ${line}: there is text after the end of the JSON array`)
    },
    end() {
      if (state !== 'after')
        throw new UserFacingError(
          `The JSON array does not end: the file is cut off in the record that begins in line ${line}`,
        )
    },
  }
}
