/** Parses JSON without rounding numbers, and detects texts that Postgres cannot store. */

import { isWrittenNumber, type WrittenNumber } from '../json.ts'

/** Node has these functions; the types do not declare them yet. */
const { rawJSON, parse } = JSON as unknown as {
  rawJSON(source: string): WrittenNumber
  parse(
    text: string,
    reviver?: (key: string, value: unknown, context: { source: string }) => unknown,
  ): unknown
}

/** The text is not JSON. `at` is the position of the error. The message contains no part of the text. */
export class JsonSyntaxError extends Error {
  readonly at: number | undefined
  constructor(at: number | undefined) {
    super('is not JSON')
    this.at = at
  }
}

/** A number in the text may have a fraction, an exponent, or too many digits. */
const MAY_BE_INEXACT = /[[:,]\s*-?\d+(?:[.eE]|\d{15})/
/** Matches escapes of NUL and of surrogates, which Postgres may be unable to store. */
const MAY_BE_UNSTORABLE = /\\u(?:0000|[dD][89a-fA-F])/

/** @throws {JsonSyntaxError} */
export function parseExactly(text: string): unknown {
  try {
    return MAY_BE_INEXACT.test(text) ? parse(text, keepNumber) : parse(text)
  } catch (error) {
    const position = /at position (\d+)/.exec((error as Error).message)?.[1]
    throw new JsonSyntaxError(position === undefined ? undefined : Number(position))
  }
}

const keepNumber = (_key: string, value: unknown, { source }: { source: string }) =>
  typeof value === 'number' && !(Number.isSafeInteger(value) && /^-?\d+$/.test(source))
    ? rawJSON(source)
    : value

const MAX_SHIFT = 255

/**
 * @returns the number in decimal digits without an exponent, like a numeric in Postgres; undefined where an
 * exponent would add more than 255 digits, which is not valid for any field of Tratta
 */
export function plainDigits({ rawJSON }: WrittenNumber): string | undefined {
  const [, sign, whole = '', fraction = '', exponent] = NUMBER.exec(rawJSON)!
  if (exponent === undefined) return rawJSON
  const shift = Number(exponent)
  if (Math.abs(shift) > MAX_SHIFT) return undefined
  const point = whole.length + shift
  const digits = `${'0'.repeat(Math.max(0, 1 - point))}${whole}${fraction}`.padEnd(point, '0')
  const at = Math.max(1, point)
  const left = digits.slice(0, at).replace(/^0+(?=\d)/, '')
  return `${sign}${left}${at < digits.length ? `.${digits.slice(at)}` : ''}`
}

const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

/** Whether Postgres can store every text in the parsed value. */
export const isStorable = (text: string, parsed: unknown) =>
  !MAY_BE_UNSTORABLE.test(text) || areTextsStorable(parsed)

function areTextsStorable(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0')
  if (typeof value !== 'object' || value === null || isWrittenNumber(value)) return true
  return Object.entries(value).every((pair) => pair.every(areTextsStorable))
}
