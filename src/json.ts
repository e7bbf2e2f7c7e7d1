/** An object that JSON.parse or parseExactly returned. */
export type Json = Record<string, unknown>

/** A number of JSON that is kept as its text; JSON.stringify writes the same text. */
export interface WrittenNumber {
  rawJSON: string
}

/** Node has this function; the types do not declare it yet. */
export const { isRawJSON: isWrittenNumber } = JSON as unknown as {
  isRawJSON(value: unknown): value is WrittenNumber
}

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isWrittenNumber(value)

export function isEmpty(value: object): boolean {
  for (const _ in value) return false
  return true
}
