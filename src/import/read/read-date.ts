import { CellError } from './cell-error.ts'

export const DATES = ['iso', 'ymd', 'mdy', 'dmy'] as const
export type Dates = (typeof DATES)[number]

const ISO = /^\d{4}-\d\d-\d\d$/
/** A database or a spreadsheet writes a date with the time 0:00. */
const MIDNIGHT =
  /(?:T| +)(?:0?0:00(?::00(?:\.0+)?)?(?: ?AM)?|12:00(?::00(?:\.0+)?)? ?AM)(?: ?(?:Z|UTC|[+-]\d\d(?::?\d\d)?))?$/i
const MONTHS = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
]

/**
 * Years have four digits. The order of day and month matters only where both are numbers and precede the year.
 * @returns YYYY-MM-DD. The contract checks that the day exists
 * @throws {CellError}
 */
export function readDate(text: string, dates: Dates): string {
  if (ISO.test(text)) return text
  const day = text.replace(MIDNIGHT, '').replace(/^(\d{8})0{4,6}$/, '$1')
  if (ISO.test(day)) return day
  const [year, month, date] = parts(day, dates) ?? []
  if (!year || !month || !date) throw new CellError({ code: 'invalid_date', dates })
  return `${year}-${month.padStart(2, '0')}-${date.padStart(2, '0')}`
}

type Parts = (string | undefined)[]

function parts(text: string, dates: Dates): Parts | undefined {
  const yearFirst = /^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})$/.exec(text)
  if (yearFirst) return yearFirst.slice(1)
  const compact = /^(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$/
  // Day, month and year in other orders never match this.
  if (compact.test(text)) return [text.slice(0, 4), text.slice(4, 6), text.slice(6)]
  const [, first, second, year] =
    /^(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4})$/.exec(text) ?? /^(\d\d)(\d\d)((?:19|20)\d\d)$/.exec(text) ?? []
  if (first !== undefined && dates === 'mdy') return [year, first, second]
  if (first !== undefined && dates === 'dmy') return [year, second, first]
  const dayFirst = /^(\d{1,2})[-/. ]?([a-z]{3,9})\.?[-/., ]*(\d{4})$/i.exec(text)
  if (dayFirst) return [dayFirst[3], monthNumber(dayFirst[2]!), dayFirst[1]]
  const monthFirst = /^([a-z]{3,9})\.?[-/ ]*(\d{1,2})(?:st|nd|rd|th)?[-/, ]+(\d{4})$/i.exec(text)
  if (monthFirst) return [monthFirst[3], monthNumber(monthFirst[1]!), monthFirst[2]]
  return undefined
}

function monthNumber(name: string): string | undefined {
  const index = MONTHS.findIndex((month) => month.startsWith(name.toLowerCase()))
  return index === -1 ? undefined : String(index + 1)
}
