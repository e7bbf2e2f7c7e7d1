/** Reads the cells of CSV columns. */
import { isStorable, JsonSyntaxError, parseExactly } from '../../payload/exact-json.ts'
import { CellError } from './cell-error.ts'
import type { CellKind, cellCleaner } from './clean-cell.ts'
import type { Column } from './header.ts'
import { type Dates, readDate } from './read-date.ts'
import { type Money, readMoney } from './read-money.ts'
import { readPhone } from './read-phone.ts'

export interface CellFormats {
  clean: ReturnType<typeof cellCleaner>
  allowSuspicious: boolean
  money: Money
  dates: Dates
  /** Gets what was changed. */
  onChange(change: string): void
}

/** @throws {CellError} */
type CellReader = (text: string, formats: CellFormats) => unknown

const READERS: Record<string, CellReader> = {
  balance: (text, { money }) => readMoney(text, money),
  current_balance: (text, { money }) => readMoney(text, money),
  'payment_plan.amount': readAmount,
  customer_date_of_birth: (text, { dates }) => readDate(text, dates),
  customer_phone: (text, { onChange }) => readPhone(text, onChange),
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

export function cellKind({ name, key }: Column): CellKind {
  if (/external_id$/.test(name)) return 'identifier'
  return /balance$/.test(name) || key === 'amount' ? 'money' : 'text'
}

function readAmount(text: string, { money }: CellFormats) {
  const amount = Number(readMoney(text, money))
  if (Number.isSafeInteger(amount)) return amount
  throw new CellError({ code: 'invalid_value', rule: 'must be a whole number of cents, 0 or more' })
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
