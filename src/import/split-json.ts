/** NDJSON and JSON arrays, cut into their lines and elements; what is in them is parsed elsewhere. */
import { countLines, type FileRecord, MOST_RECORD, type Splitter } from './file-record.ts'
import { UnreadableFile } from './open-file.ts'

const tooLong = (line: number) =>
  new UnreadableFile(`What begins in line ${line} is longer than ${MOST_RECORD} bytes: is it one record?`)

export function splitLines(take: (record: FileRecord) => void): Splitter {
  let rest = ''
  let line = 1

  function give(raw: string) {
    if (raw.trim() !== '') take({ line, raw: raw.trim() })
    line += 1
  }

  return {
    write(text) {
      const all = rest + text
      let at = 0
      for (let end = all.indexOf('\n'); end !== -1; end = all.indexOf('\n', at)) {
        give(all.slice(at, end))
        at = end + 1
      }
      rest = all.slice(at)
      if (rest.length > MOST_RECORD) throw tooLong(line)
    },
    end: () => give(rest),
  }
}

const QUOTE = 34
const BACKSLASH = 92
const COMMA = 44
const OPENING_BRACKET = 91
const CLOSING_BRACKET = 93
const OPENING_BRACE = 123
const CLOSING_BRACE = 125

/** The elements of a JSON array, by its brackets and quotes. An array that does not end is not loaded. */
export function splitArray(take: (record: FileRecord) => void): Splitter {
  let rest = ''
  let line = 1
  /** Where to go on in `rest`. */
  let at = 0
  let depth = 0
  let isInText = false
  let state: 'before' | 'first' | 'within' | 'after' = 'before'

  /** Gives what stands before `end`, and begins anew behind it. */
  function give(end: number, isLast: boolean) {
    const element = rest.slice(0, end)
    const raw = element.trim()
    const begins = line + countLines(element, 0, raw === '' ? end : element.indexOf(raw[0]!))
    line += countLines(element, 0, end)
    if (raw !== '') take({ line: begins, raw })
    // An empty array, or nothing between two commas.
    else if (!isLast || state === 'within')
      take({ line, raw, fault: 'is not JSON: there is a comma too many' })
    state = isLast ? 'after' : 'within'
    rest = rest.slice(end + 1)
    at = 0
  }

  function step(code: number) {
    if (isInText) {
      if (code === BACKSLASH) at += 1
      else if (code === QUOTE) isInText = false
    } else if (code === QUOTE) isInText = true
    else if (code === OPENING_BRACE || code === OPENING_BRACKET) depth += 1
    else if (code === CLOSING_BRACE || code === CLOSING_BRACKET) depth -= 1
    at += 1
    if (depth === 0) give(at - 1, true)
    else if (depth === 1 && code === COMMA && !isInText) give(at - 1, false)
  }

  return {
    write(text) {
      rest += text
      if (state === 'before') {
        const begin = rest.search(/\S/)
        if (begin === -1) return
        if (rest[begin] !== '[') throw new UnreadableFile(`Line ${line}: a JSON array begins with [`)
        line += countLines(rest, 0, begin)
        rest = rest.slice(begin + 1)
        depth = 1
        state = 'first'
      }
      while (state !== 'after' && at < rest.length) step(rest.charCodeAt(at))
      if (rest.length > MOST_RECORD) throw tooLong(line)
      if (state === 'after' && rest.trim() !== '')
        throw new UnreadableFile(`Line ${line}: something stands behind the end of the JSON array`)
    },
    end() {
      if (state !== 'after')
        throw new UnreadableFile(`The JSON array does not end: what begins in line ${line} is cut off`)
    },
  }
}
