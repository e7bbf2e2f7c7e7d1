/** Reads the cells of CSV columns. Amounts stay digits and never pass through a float. */
import { isStorable, JsonSyntaxError, parseExactly } from '../../payload/exact-json.ts'
import type { Reason } from '../row-error.ts'
import type { Column } from './header.ts'

/** A cell is not a value of its column. */
export class CellError extends Error {
  readonly reason: Reason
  constructor(reason: Reason) {
    super(reason.code)
    this.reason = reason
  }
}

export const MONEY = ['cents', 'dollars'] as const
export const DATES = ['iso', 'mdy', 'dmy'] as const

export interface CellFormats {
  money: (typeof MONEY)[number]
  dates: (typeof DATES)[number]
}

/** @throws {CellError} */
type CellReader = (text: string, formats: CellFormats) => unknown

const READERS: Record<string, CellReader> = {
  balance: readMoney,
  current_balance: readMoney,
  'payment_plan.amount': readAmount,
  customer_date_of_birth: readDate,
  'customer_address.is_primary': readBoolean,
  billing_type: (text) => (text.startsWith('[') ? readJson(text) : readList(text)),
  locations: readJson,
  payment_plan: readJson,
  metadata: readJson,
  additional_fields: readJson,
  customer_address: readJson,
  customer_metadata: readJson,
  customer_additional_fields: readJson,
  location_metadata: readJson,
  location_additional_fields: readJson,
}

export const cellReader = ({ name, key }: Column): CellReader =>
  READERS[key === undefined ? name : `${name}.${key}`] ?? ((text) => text)

/** @returns cents, as digits */
function readMoney(text: string, { money }: CellFormats): string {
  if (money === 'cents' && /^-?\d+$/.test(text)) return text
  const [, sign, whole, fraction = ''] =
    (money === 'dollars' && /^(-?)(\d+)(?:\.(\d{1,2}))?$/.exec(text)) || []
  if (whole === undefined) throw new CellError({ code: 'invalid_money', money })
  return `${sign}${whole}${fraction.padEnd(2, '0')}`
}

function readAmount(text: string, formats: CellFormats) {
  const amount = Number(readMoney(text, formats))
  if (Number.isSafeInteger(amount)) return amount
  throw new CellError({ code: 'invalid_value', rule: 'must be a whole number of cents, 0 or more' })
}

/** @returns YYYY-MM-DD. The contract checks that the day exists. */
function readDate(text: string, { dates }: CellFormats): string {
  if (/^\d{4}-\d\d-\d\d$/.test(text)) return text
  const [, first, second, year] = /^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})$/.exec(text) ?? []
  if (dates === 'iso' || first === undefined) throw new CellError({ code: 'invalid_date', dates })
  const [month, day] = dates === 'mdy' ? [first, second!] : [second!, first]
  return `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`
}

function readList(text: string): string[] {
  return text.split(';').map((item) => item.trim())
}

/** The contract rejects other texts. */
function readBoolean(text: string): unknown {
  const word = text.toLowerCase()
  return word === 'true' ? true : word === 'false' ? false : text
}

function readJson(text: string): unknown {
  try {
    const value = parseExactly(text)
    if (isStorable(text, value)) return value
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    throw new CellError({ code: 'invalid_value', rule: 'must be JSON, or one column for each of its keys' })
  }
  throw new CellError({ code: 'unstorable_text' })
}
