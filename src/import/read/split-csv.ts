/**
 * Splits CSV (RFC 4180, with either line end) into records.
 *
 * An unclosed quote would consume the file up to the next quote. When a record with quotes is malformed, only its
 * first line is rejected, and splitting continues in the next line.
 */
import { UserFacingError } from '../../user-facing-error.ts'
import type { Reason } from '../row-error.ts'
import {
  countLines,
  END_OF_FILE,
  type FileRecord,
  isBlank,
  MAX_RECORD_BYTES,
  type Splitter,
  withoutEndOfFile,
} from './file-record.ts'

const STRAY_QUOTE: Reason = { code: 'stray_quote' }

interface CsvSyntax {
  delimiter: string
  /** Whether quotes are characters of the fields. */
  quote?: 'none'
  /** Lines before the header. */
  skipLines?: number
}

/**
 * @param onRecord gets the header first. Later records with another number of fields also have a reason. Empty
 *   fields after the last column are removed
 */
export function splitCsv(
  { delimiter, quote, skipLines = 0 }: CsvSyntax,
  onRecord: (record: FileRecord) => void,
): Splitter {
  let rest = ''
  let line = 1
  let width = 0

  function emit(raw: string, fields: string[]) {
    const first = fields[0]!.trim()
    if ((first === '' || first === END_OF_FILE) && fields.every(isBlank)) return
    if (width === 0) width = fields.length
    while (fields.length > width && fields.at(-1)!.trim() === '') fields.pop()
    const [found, expected] = [fields.length, width]
    if (found === expected) onRecord({ line, raw, fields })
    else onRecord({ line, raw, fields, reason: { code: 'wrong_field_count', found, expected } })
  }

  /** @returns the text without the complete lines before the header */
  function skip(text: string): string {
    let at = 0
    for (let newline = 0; line <= skipLines; line++) {
      newline = text.indexOf('\n', at)
      if (newline === -1) break
      at = newline + 1
    }
    return at === 0 ? text : text.slice(at)
  }

  /** @returns the start of the first incomplete record */
  function splitAll(text: string, isLast: boolean): number {
    let at = 0
    while (at < text.length) {
      const newline = text.indexOf('\n', at)
      if (newline === -1 && !isLast) break
      const lineEnd = newline === -1 ? text.length : newline
      const content = text.slice(at, trimReturn(text, at, lineEnd))
      if (quote === 'none' || !content.includes('"')) {
        emit(content, content.split(delimiter))
        at = lineEnd + 1
        line += 1
        continue
      }
      let split: Split | 'incomplete' = splitQuoted(text, at, delimiter, isLast)
      if (split === 'incomplete') {
        if (text.length - at <= MAX_RECORD_BYTES) break
        split = { reason: STRAY_QUOTE }
      }
      if (
        split.reason === undefined &&
        (split.end <= lineEnd || split.fields.length === width || width === 0)
      ) {
        emit(text.slice(at, trimReturn(text, at, split.end)), split.fields)
        line += countLines(text, at, split.end) + 1
        at = split.end + 1
      } else {
        onRecord({ line, raw: content, reason: STRAY_QUOTE })
        at = lineEnd + 1
        line += 1
      }
    }
    return Math.min(at, text.length)
  }

  return {
    write(text) {
      const all = skip(rest + text)
      rest = line > skipLines ? all.slice(splitAll(all, false)) : all
      if (rest.length > MAX_RECORD_BYTES && !rest.includes('\n'))
        throw new UserFacingError(
          `Line ${line} is longer than ${MAX_RECORD_BYTES} bytes: is this a CSV file?`,
        )
    },
    end() {
      if (line > skipLines) splitAll(withoutEndOfFile(rest), true)
      rest = ''
    },
  }
}

/** The fields and the position of the line end, or why there are none. */
type Split = { fields: string[]; end: number; reason?: never } | { reason: Reason }

const trimReturn = (text: string, from: number, end: number) =>
  end > from && text[end - 1] === '\r' ? end - 1 : end

/** Blanks around a quoted field are not part of it. */
// biome-ignore lint/complexity/noExcessiveCognitiveComplexity: a scanner that runs for each quoted record, where calls are slow.
function splitQuoted(text: string, from: number, delimiter: string, isLast: boolean): Split | 'incomplete' {
  const fields: string[] = []
  let lineEnd = -1
  let quote = -1
  for (let at = from; ; ) {
    const start = at
    at = skipBlanks(text, at, delimiter)
    if (quote < at) quote = indexOrEnd(text, '"', at)
    if (quote === at && at < text.length) {
      const close = closingQuote(text, at + 1)
      // The last quote of a chunk can be the first half of a doubled one.
      if (close === -1 || (close + 1 === text.length && !isLast))
        return isLast ? { reason: STRAY_QUOTE } : 'incomplete'
      fields.push(text.slice(at + 1, close).replaceAll('""', '"'))
      at = skipBlanks(text, close + 1, delimiter)
      // The blanks can continue in the next chunk.
      if (at === text.length && !isLast) return 'incomplete'
      if (text[at] === '\r' && (text[at + 1] === '\n' || (at + 1 === text.length && isLast))) at += 1
      else if (text[at] === '\r' && at + 1 === text.length) return 'incomplete'
      if (at !== text.length && text[at] !== '\n' && text[at] !== delimiter) return { reason: STRAY_QUOTE }
    } else {
      at = start
      if (lineEnd < at) lineEnd = indexOrEnd(text, '\n', at)
      let end = Math.min(indexOrEnd(text, delimiter, at), lineEnd)
      if (quote < end) {
        const formulaEnd = endOfFormula(text, quote, lineEnd)
        quote = indexOrEnd(text, '"', formulaEnd)
        end = Math.min(indexOrEnd(text, delimiter, formulaEnd), lineEnd)
      }
      if (end === text.length && !isLast) return 'incomplete'
      const isLastField = text[end] !== delimiter
      if (quote < end) return { reason: STRAY_QUOTE }
      fields.push(text.slice(at, isLastField ? trimReturn(text, at, end) : end))
      at = end
    }
    if (text[at] !== delimiter) return { fields, end: at }
    at += 1
  }
}

function skipBlanks(text: string, from: number, delimiter: string) {
  let at = from
  while (text[at] === ' ' || (text[at] === '\t' && delimiter !== '\t')) at += 1
  return at
}

/** A spreadsheet writes ="0012345" to keep the zeros. @returns the position after it, or of a stray quote */
function endOfFormula(text: string, quote: number, lineEnd: number) {
  const close = text[quote - 1] === '=' ? text.indexOf('"', quote + 1) : -1
  return close === -1 || close > lineEnd ? quote : close + 1
}

function closingQuote(text: string, from: number) {
  for (let at = from; ; at += 2) {
    at = text.indexOf('"', at)
    if (at === -1 || text[at + 1] !== '"') return at
  }
}

function indexOrEnd(text: string, search: string, from: number) {
  const at = text.indexOf(search, from)
  return at === -1 ? text.length : at
}
