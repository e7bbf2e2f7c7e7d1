/** Recognizes lines of a CSV file that are no accounts: trailers with counts and sums, and repeated headers. */

const WORD =
  /^\W*(grand|sub|report|file|batch|page)?[ _-]*(totals?|trl|tlr|trailer|trl?er|footer|eof|end( of (file|report|data|list))?|sums?|counts?|(number of )?(records?|rows?|accounts?|lines?|items?)( count(ed)?| in file| total)?|records? selected)\b\W*$/i
const AMOUNT = /^[-+($]*\d[\d,]*(\.\d*)?\)?-?$/
const DATE = /^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}( \d{1,2}:\d\d(:\d\d)?)?$/
/** `(1234 rows affected)`, `Total: 12`, `Records = 2` */
const SENTENCE =
  /^\W*(\d[\d,]* (rows?|records?|accounts?|lines?)( (affected|selected|exported|total|in file))?|(grand |sub)?(totals?|records?|rows?|accounts?|counts?)( count)? *[:=] *[-+($]*\d[\d,.]*\)?)\W*$/i

/** For most rows the only test. */
const MAY_BE_TRAILER = /^(?:[^\w]|\d+ |[gsrfbpteicnal])/i

/** Whether a line has a word for a total, and beside it nothing but numbers and dates. */
export function isTrailer(fields: string[]): boolean {
  const first = (fields[0]!.trim() || fields.find((field) => field.trim() !== '')?.trim()) ?? ''
  if (first.length > 60 || !MAY_BE_TRAILER.test(first)) return false
  if (!WORD.test(first) && !SENTENCE.test(first)) return false
  return fields.every((field) => field.trim() === first || isFigure(field))
}

/** Whether a line has only counts and sums. At the end of a file it is a trailer. */
export const hasOnlyFigures = (fields: string[]): boolean => fields.every(isFigure)

function isFigure(field: string) {
  const text = field.trim()
  return text === '' || AMOUNT.test(text) || DATE.test(text) || WORD.test(text)
}

/** Whether a line is the header again, as in files that were concatenated. */
export function isRepeatedHeader(fields: string[], header: string[]): boolean {
  if (fields.length !== header.length || !fields[0]!.includes(header[0]!)) return false
  // A second file can have a byte order mark.
  return fields.every((field, at) => field.replace(/^\ufeff/, '').trim() === header[at])
}
