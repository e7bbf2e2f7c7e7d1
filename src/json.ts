/** What JSON.parse gives, looked at. */
export type Json = Record<string, unknown>

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export function isEmpty(value: object): boolean {
  for (const _ in value) return false
  return true
}
