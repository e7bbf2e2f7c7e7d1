/** Defines the settings of the simulator, with their validation. */
interface Setting<T> {
  default: T
  /** What a value must be, for error messages. */
  expected: string
  accepts: (value: unknown) => boolean
  /** Meaning, in the words of the table in docs/simulator.md. */
  description: string
}

export function setting<T>(
  defaultValue: T,
  expected: string,
  accepts: (value: unknown) => boolean,
  description: string,
): Setting<T> {
  return { default: defaultValue, expected, accepts, description }
}

export function choice<T extends string>(
  values: readonly T[],
  defaultValue: NoInfer<T>,
  description: string,
): Setting<T> {
  const accepts = (value: unknown) => values.includes(value as T)
  return { default: defaultValue, expected: values.join(' or '), accepts, description }
}

export function milliseconds(defaultValue: number, description: string): Setting<number> {
  return setting(defaultValue, 'milliseconds', (value) => isInteger(value) && value >= 0, description)
}

export function share(description: string): Setting<number> {
  const accepts = (value: unknown) => isNumber(value) && value >= 0 && value <= 1
  return setting(0, 'a share from 0 to 1', accepts, description)
}

export function isFilledString(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}

export function isBoolean(value: unknown): boolean {
  return typeof value === 'boolean'
}

export function isNumber(value: unknown): value is number {
  return typeof value === 'number'
}

export function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value)
}
