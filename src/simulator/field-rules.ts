import { isObject } from '../json.ts'
import { addFault, type Faults, lines } from './wording.ts'

/** Says what is wrong with one value. `path` is the dotted name that the fault is filed under. */
export type Rule = (value: unknown, path: string, faults: Faults) => void

export interface Shape {
  required: readonly string[]
  rules: readonly (readonly [field: string, rule: Rule])[]
}

/** Laravel's `required` refuses null, nothing, and a string of nothing but spaces. */
export function isBlank(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'string' && !/\S/.test(value))
}

/** Fields that the shape does not name pass as they are: the rest of Tratta's list is unseen. */
export function checkShape(
  resource: Record<string, unknown>,
  prefix: string,
  shape: Shape,
  faults: Faults,
): void {
  for (const field of shape.required) {
    if (isBlank(resource[field])) addFault(faults, prefix + field, lines.required)
  }
  for (const [field, rule] of shape.rules) {
    const value = resource[field]
    if (value === undefined || (shape.required.includes(field) && isBlank(value))) continue
    rule(value, prefix + field, faults)
  }
}

function ruleOf(line: string, accepts: (value: unknown) => boolean): Rule {
  return (value, path, faults) => {
    if (!accepts(value)) addFault(faults, path, line)
  }
}

const isFilled = (value: unknown): value is string => typeof value === 'string' && /\S/.test(value)
const matches = (pattern: RegExp) => (value: unknown) => typeof value === 'string' && pattern.test(value)

/** Characters, as PHP's mb_strlen counts them: code points. */
function isShort(text: string): boolean {
  return text.length <= 255 || (text.length <= 510 && [...text].length <= 255)
}

export const string = ruleOf(lines.string, isFilled)
export const integer = ruleOf(lines.integer, Number.isSafeInteger)
export const boolean = ruleOf(lines.boolean, (value) => typeof value === 'boolean')
export const prohibited = ruleOf(lines.prohibited, () => false)

export const identifier: Rule = (value, path, faults) => {
  if (!isFilled(value)) addFault(faults, path, lines.string)
  else if (!isShort(value)) addFault(faults, path, lines.max255)
}

export function oneOf(...choices: string[]): Rule {
  return ruleOf(lines.selected, (value) => choices.includes(value as string))
}

const atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
const label = '[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?'
export const email = ruleOf(
  lines.email,
  matches(new RegExp(`^(?=.{1,255}$)${atom}(?:\\.${atom})*@${label}(?:\\.${label})*$`)),
)

/** Ten digits of the North American plan, with or without +1, however they are grouped. */
export const usPhone = ruleOf(
  lines.phone,
  matches(/^(?:\+?1[ .-]?)?(?:\([2-9]\d\d\)|[2-9]\d\d)[ .-]?[2-9]\d\d[ .-]?\d{4}$/),
)

export const date = ruleOf(lines.date, (value) => {
  const parts = typeof value === 'string' ? /^(\d{4})-(\d\d)-(\d\d)$/.exec(value) : null
  if (!parts) return false
  const day = new Date(`${value}T00:00:00Z`)
  // 2023-02-30 is read as March 2nd
  return !Number.isNaN(day.getTime()) && day.getUTCDate() === Number(parts[3])
})

/** A number below 1000 has lost its leading zeros, which is somebody else's number: refused. */
export const lastFour = ruleOf(
  lines.fourDigits,
  (value) =>
    (Number.isInteger(value) && (value as number) >= 1000 && (value as number) <= 9999) ||
    matches(/^\d{4}$/)(value),
)

/** An object whose fields are checked by `shape`. */
export function object(shape: Shape): Rule {
  return (value, path, faults) => {
    if (isObject(value)) checkShape(value, `${path}.`, shape, faults)
    else addFault(faults, path, lines.array)
  }
}

export function listOf(rule: Rule): Rule {
  return (value, path, faults) => {
    if (!Array.isArray(value)) addFault(faults, path, lines.array)
    else for (const [index, item] of value.entries()) rule(item, `${path}.${index}`, faults)
  }
}

/** Key and value at most 255 characters. Empty values are let through: they delete (README.md, Customer). */
export const metadata: Rule = (value, path, faults) => {
  if (!isObject(value)) return addFault(faults, path, lines.array)
  for (const key of Object.keys(value)) {
    const entry = value[key]
    if (!isShort(key)) addFault(faults, path, lines.max255)
    else if (entry === null) continue
    else if (typeof entry !== 'string') addFault(faults, `${path}.${key}`, lines.string)
    else if (!isShort(entry)) addFault(faults, `${path}.${key}`, lines.max255)
  }
}
