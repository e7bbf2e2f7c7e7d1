/** A cell of CSV as a value of the field that it is for: money, dates, lists. Digits stay the digits they are. */

/** What a cell must be and is not. The message completes "it …". */
export class UnreadableCell extends Error {}

export const MONEY = ['cents', 'dollars'] as const
export const DATES = ['iso', 'mdy', 'dmy'] as const

export interface CellFormats {
  money: (typeof MONEY)[number]
  dates: (typeof DATES)[number]
}

/** @returns cents, in digits */
export function readMoney(text: string, { money }: CellFormats): string {
  if (money === 'cents') {
    if (/^-?\d+$/.test(text)) return text
    throw new UnreadableCell(
      'must be whole cents written like 123456 or -123456 (say --money dollars where the file has dollars)',
    )
  }
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d{1,2}))?$/.exec(text) ?? []
  if (whole !== undefined) return `${sign}${whole}${fraction.padEnd(2, '0')}`
  throw new UnreadableCell(
    'must be dollars written like 1234.56 or -1234.56: no currency sign, no comma, no brackets, no exponent, at most two decimals',
  )
}

/** @returns YYYY-MM-DD; whether there is such a day is the contract's to say */
export function readDate(text: string, { dates }: CellFormats): string {
  if (/^\d{4}-\d\d-\d\d$/.test(text)) return text
  const [, first, second, year] = /^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})$/.exec(text) ?? []
  if (dates === 'iso' || first === undefined) throw new UnreadableCell(DATE_WANTED[dates])
  const [month, day] = dates === 'mdy' ? [first, second!] : [second!, first]
  return `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`
}

const DATE_WANTED = {
  iso: 'must be a date written YYYY-MM-DD (say --dates mdy or --dates dmy where the file writes 12/31/1990 or 31.12.1990)',
  mdy: 'must be a date written MM/DD/YYYY or YYYY-MM-DD',
  dmy: 'must be a date written DD/MM/YYYY or YYYY-MM-DD',
}

/** Texts between semicolons. */
export const readList = (text: string): string[] => text.split(';').map((item) => item.trim())

/** Leaves what is neither to the contract. */
export function readBoolean(text: string): unknown {
  const word = text.toLowerCase()
  return word === 'true' ? true : word === 'false' ? false : text
}
