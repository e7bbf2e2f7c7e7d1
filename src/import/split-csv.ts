/**
 * CSV as RFC 4180 writes it, with either line end, cut into records.
 *
 * A quote that is opened by mistake would swallow the file up to the next one. So a record that does not work
 * out is given up for its first line only, and the cutting goes on in the line after that.
 */

import { countLines, type FileRecord, MOST_RECORD, type Splitter } from './file-record.ts'
import { UnreadableFile } from './open-file.ts'

const STRAY_QUOTE =
  'has a quote that is not closed or not doubled: a field with quotes in it is written "like ""this"" one"'

/** @param take gets the header first; from then on a row with another number of fields has a fault */
export function splitCsv(delimiter: string, take: (record: FileRecord) => void): Splitter {
  let rest = ''
  let line = 1
  let width = 0

  function give(raw: string, fields: string[]) {
    if (fields[0]!.trim() === '' && fields.every((field) => field.trim() === '')) return
    if (width === 0) width = fields.length
    if (fields.length === width) take({ line, raw, fields })
    else take({ line, raw, fault: `has ${fields.length} fields where the header has ${width}` })
  }

  /** @returns where the first record begins that is not whole yet */
  function cutAll(text: string, isLast: boolean): number {
    let at = 0
    while (at < text.length) {
      const newline = text.indexOf('\n', at)
      if (newline === -1 && !isLast) break
      const lineEnd = newline === -1 ? text.length : newline
      const content = text.slice(at, withoutReturn(text, at, lineEnd))
      if (!content.includes('"')) {
        give(content, content.split(delimiter))
        at = lineEnd + 1
        line += 1
        continue
      }
      let cut: Cut | 'incomplete' = cutQuoted(text, at, delimiter, isLast)
      if (cut === 'incomplete') {
        if (text.length - at <= MOST_RECORD) break
        cut = { fault: STRAY_QUOTE }
      }
      if (cut.fault === undefined && (cut.end <= lineEnd || cut.fields.length === width || width === 0)) {
        give(text.slice(at, withoutReturn(text, at, cut.end)), cut.fields)
        line += countLines(text, at, cut.end) + 1
        at = cut.end + 1
      } else {
        take({ line, raw: content, fault: STRAY_QUOTE })
        at = lineEnd + 1
        line += 1
      }
    }
    return Math.min(at, text.length)
  }

  return {
    write(text) {
      const all = rest + text
      rest = all.slice(cutAll(all, false))
      if (rest.length > MOST_RECORD && !rest.includes('\n'))
        throw new UnreadableFile(`Line ${line} is longer than ${MOST_RECORD} bytes: is this a CSV file?`)
    },
    end() {
      cutAll(rest, true)
      rest = ''
    },
  }
}

/** Its fields and where its line end stands, or why there are none. */
type Cut = { fields: string[]; end: number; fault?: never } | { fault: string }

const withoutReturn = (text: string, from: number, end: number) =>
  end > from && text[end - 1] === '\r' ? end - 1 : end

function cutQuoted(text: string, from: number, delimiter: string, isLast: boolean): Cut | 'incomplete' {
  const fields: string[] = []
  let lineEnd = -1
  let quote = -1
  for (let at = from; ; ) {
    if (quote < at) quote = endAt(text, '"', at)
    if (quote === at && at < text.length) {
      const close = closingQuote(text, at + 1)
      // A quote at the very end may be the first half of a doubled one.
      if (close === -1 || (close + 1 === text.length && !isLast))
        return isLast ? { fault: STRAY_QUOTE } : 'incomplete'
      fields.push(text.slice(at + 1, close).replaceAll('""', '"'))
      at = close + 1
      if (text[at] === '\r' && (text[at + 1] === '\n' || (at + 1 === text.length && isLast))) at += 1
      else if (text[at] === '\r' && at + 1 === text.length) return 'incomplete'
      if (at !== text.length && text[at] !== '\n' && text[at] !== delimiter) return { fault: STRAY_QUOTE }
    } else {
      if (lineEnd < at) lineEnd = endAt(text, '\n', at)
      const end = Math.min(endAt(text, delimiter, at), lineEnd)
      if (end === text.length && !isLast) return 'incomplete'
      const isLastField = text[end] !== delimiter
      if (quote < end) return { fault: STRAY_QUOTE }
      fields.push(text.slice(at, isLastField ? withoutReturn(text, at, end) : end))
      at = end
    }
    if (text[at] !== delimiter) return { fields, end: at }
    at += 1
  }
}

function closingQuote(text: string, from: number) {
  for (let at = from; ; at += 2) {
    at = text.indexOf('"', at)
    if (at === -1 || text[at + 1] !== '"') return at
  }
}

function endAt(text: string, what: string, from: number) {
  const at = text.indexOf(what, from)
  return at === -1 ? text.length : at
}
