/** Of an SSN only the last four digits may be stored. */

export const SSN_SHORTENED = 'an SSN was shortened to its last four digits'

const NINE_DIGITS = /^\d{3}([- .]?)\d{2}\1(\d{4})(?:\.0)?$/
const MASKED = /^[*xX#•]{2,5}[- ]?[*xX#•]{0,2}[- ]?(\d{4})$/

/** @returns the last four digits of an SSN that is complete or masked; undefined for another text */
export function lastFourOfSsn(text: string): string | undefined {
  if (text.length < 6) return undefined
  return NINE_DIGITS.exec(text)?.[2] ?? MASKED.exec(text)?.[1]
}

/** The name of a column or of a JSON key. */
export const isSsnName = (name: string) => /ssn|social.{0,1}security|soc.{0,1}sec/i.test(name)

const SSN_IN_LINE = /(?<!\d)\d{3}([- ]?)\d{2}\1(\d{4})(?!\d)/g

/**
 * Shortens everything that can be an SSN in a record that could not be split.
 * @param from the position after the first column, which is usually the account id
 */
export const shortenAllSsns = (raw: string, from: number): string =>
  raw.slice(0, from) + raw.slice(from).replaceAll(SSN_IN_LINE, '$2')

const SSN_IN_JSON =
  /("[^"]*(?:ssn|social_?security)[^"]*"\s*:\s*)(?:"(\d{3}-?\d{2}-?)(\d{4})"|(\d{5})(\d{4})(?![\d.eE]))/gi

/** @param onChange is called for each SSN that was shortened */
export function shortenSsnsInJson(text: string, onChange: () => void): string {
  if (!/ssn|social/i.test(text)) return text
  return text.replaceAll(
    SSN_IN_JSON,
    (_, key: string, __, ofText?: string, ___?: string, ofNumber?: string) => {
      onChange()
      return `${key}"${ofText ?? ofNumber}"`
    },
  )
}
