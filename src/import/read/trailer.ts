/** Recognizes lines of a CSV file that are no accounts: trailers with counts and sums, and repeated headers. */

const WORD =
  /^\W*(grand|sub|report|file|batch|page)?[ _-]*(totals?|trl|tlr|trailer|footer|eof|end( of (file|report|data|list))?|sums?|counts?|(number of )?(records?|rows?|accounts?|lines?|items?)( count(ed)?| in file| total)?|records? selected)\b\W*$/i
const AMOUNT = /^[-+($]*\d[\d,]*(\.\d*)?\)?-?$/
const DATE = /^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}( \d{1,2}:\d\d(:\d\d)?)?$/
const THINGS = '(?:records?|rows?|accounts?|lines?|items?)'
const TERM = `(?:grand|sub|totals?|number of|counts?|sums?|${THINGS})`
const FIGURE = '[-+($]*\\d[\\d,.]*\\)?'
/** `(1234 rows affected)`, `Total Records: 2`, `Totals = 2 accounts`, `Record count 2`. `Item 5` can be an id. */
const SENTENCE = new RegExp(
  `^\\W*(?:\\d[\\d,]* ${THINGS}(?: (?:affected|selected|exported|total|in file))?` +
    `|(?:${TERM}[ _-]*)+ *[:=] *${FIGURE}(?: ${THINGS})?` +
    `|(?:${TERM} )*(?:totals?|counts?)(?: (?:of )?${THINGS})? ${FIGURE}(?: ${THINGS})?)\\W*$`,
  'i',
)

/** A line of a report, in one cell: `Report generated on …`, `Page 1 of 3`, `*** END ***` */
const NOTE =
  /^\W*(report|generated|printed|created|exported|run (on|date|by)|page \d|confidential|end\b|as of)/i

/** The first words of all of these. For most rows the only test. */
const MAY_BE_TRAILER =
  /^\W*(?:\d[\d,]* |grand|sub|report|file|batch|page|total|trl|tlr|trail|footer|eof|end|sum|count|number|record|row|account|line|item|generated|printed|created|exported|run|confidential|as of)/i

/** Whether a line has a word for a total, and beside it nothing but numbers and dates. */
export function isTrailer(fields: string[]): boolean {
  const first = (fields[0]!.trim() || fields.find((field) => field.trim() !== '')?.trim()) ?? ''
  if (first.length > 60 || !MAY_BE_TRAILER.test(first)) return false
  if (NOTE.test(first)) return fields.every((field) => field.trim() === first || field.trim() === '')
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
  const surplus = fields[0]!.length - header[0]!.length
  if (surplus < 0 || surplus > 8) return false
  // A second file can have a byte order mark.
  const isSame = (field: string, name: string) =>
    field
      .replace(/^\ufeff/, '')
      .replace(/#\d+$/, '')
      .trim()
      .toLowerCase() === name.replace(/#\d+$/, '').toLowerCase()
  return fields.length === header.length && fields.every((field, at) => isSame(field, header[at]!))
}
