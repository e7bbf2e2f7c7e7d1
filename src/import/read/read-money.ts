import { CellError } from './cell-error.ts'

export const MONEY = ['cents', 'dollars'] as const
export type Money = (typeof MONEY)[number]

/** `1,234.56-`, `$(12)`: the sign, the digits with or without thousands separators, the decimals. */
const AMOUNT = /^(\d+|\d{1,3}(?:,\d{3})+)?(?:\.(\d*))?$/

/**
 * Reads what cannot be misread: `1,234.56` has correct thousands separators, and further decimals than two are zeros.
 * @returns cents, as digits. They never pass through a float
 * @throws {CellError}
 */
export function readMoney(text: string, money: Money): string {
  const [, sign, whole, fraction = ''] =
    (money === 'cents' ? /^(-?)(\d+)$/ : /^(-?)(\d+)(?:\.(\d{1,2}))?$/).exec(text) ?? []
  if (whole !== undefined) return money === 'cents' ? text : `${sign}${whole}${fraction.padEnd(2, '0')}`
  return readUnusual(text, money)
}

function readUnusual(text: string, money: Money): string {
  const error = () => new CellError({ code: 'invalid_money', money })
  const [, start, inner, end] = /^([-+$( ]*)(.*?)([) -]*)$/.exec(text) ?? []
  const signs = `${start}${end}`.replaceAll(' ', '')
  const isNegative = NEGATIVE.includes(signs)
  if (!isNegative && !POSITIVE.includes(signs)) throw error()
  const [, whole = '', fraction = ''] = AMOUNT.exec(inner ?? '') ?? []
  const digits = whole.replaceAll(',', '')
  if (`${digits}${fraction}` === '') throw error()
  if (money === 'cents') {
    if (inner!.includes('.') || signs.includes('$')) throw error()
    return `${isNegative ? '-' : ''}${digits}`
  }
  if (!/^\d{0,2}0*$/.test(fraction)) throw error()
  return `${isNegative ? '-' : ''}${digits || '0'}${fraction.slice(0, 2).padEnd(2, '0')}`
}

const POSITIVE = ['', '+', '$', '+$', '$+']
const NEGATIVE = ['-', '-$', '$-', '()', '$()', '($)']
