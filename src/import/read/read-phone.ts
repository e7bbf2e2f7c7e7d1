import { Customer } from '../../contract.ts'

const PHONE = new RegExp(Customer.properties.phone.pattern!)
const EXTENSION = /[\s,;]*(?:x|ext|extn|extension|#)\.?:?\s*\d{1,6}$/i
const TWO_NUMBERS = /^(.*?\d{4})\s*(?:[/;,|&]|\bor\b)\s*(.*\d{4})$/i

/**
 * Reads ten digits in any usual notation, without an extension.
 * @param onChange gets what was omitted
 * @returns the text unchanged if it is no phone number, so that the contract rejects it
 */
export function readPhone(text: string, onChange: (change: string) => void): string {
  if (PHONE.test(text)) return text
  const number = text.replace(/\.0$/, '')
  const withoutExtension = number.replace(EXTENSION, '')
  const [, first, second] = TWO_NUMBERS.exec(withoutExtension) ?? []
  const areTwo = tenDigits(first) !== undefined && tenDigits(second) !== undefined
  const digits = tenDigits(areTwo ? first : withoutExtension)
  if (digits === undefined) return text
  if (withoutExtension !== number) onChange('the extension of a phone number was removed')
  if (areTwo) onChange('the first of two phone numbers was used')
  return `${digits.slice(0, 3)}-${digits.slice(3, 6)}-${digits.slice(6)}`
}

function tenDigits(text = ''): string | undefined {
  if (!/^[\d\s()+./-]+$/.test(text)) return undefined
  const digits = text.replaceAll(/\D/g, '').replace(/^1(?=\d{10}$)/, '')
  return PHONE.test(digits) ? digits : undefined
}
