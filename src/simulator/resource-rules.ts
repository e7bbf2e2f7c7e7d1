import { isObject, type JsonObject } from './json.ts'
import type { SimulatorSettings } from './settings.ts'
import { addError, messages, type ValidationErrors } from './validation-messages.ts'

/** Adds the errors of one value. `path` is the dotted name of the field. */
type Rule = (value: unknown, path: string, errors: ValidationErrors) => void

export interface Shape {
  required: readonly string[]
  rules: readonly (readonly [field: string, rule: Rule])[]
}

/** Laravel's `required` rejects null, absent values and strings of white space. */
export function isBlank(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'string' && !/\S/.test(value))
}

/** Accepts fields that the shape does not name: the full list of Tratta's fields is unknown. */
export function validateShape(
  resource: JsonObject,
  prefix: string,
  shape: Shape,
  errors: ValidationErrors,
): void {
  for (const field of shape.required) {
    if (isBlank(resource[field])) addError(errors, prefix + field, messages.required)
  }
  for (const [field, rule] of shape.rules) {
    const value = resource[field]
    if (value === undefined || (shape.required.includes(field) && isBlank(value))) continue
    rule(value, prefix + field, errors)
  }
}

function ruleOf(message: string, accepts: (value: unknown) => boolean): Rule {
  return (value, path, errors) => {
    if (!accepts(value)) addError(errors, path, message)
  }
}

const isFilled = (value: unknown): value is string => typeof value === 'string' && /\S/.test(value)
const matches = (pattern: RegExp) => (value: unknown) => typeof value === 'string' && pattern.test(value)

/** Counts code points, as PHP's mb_strlen does. */
function isShort(text: string): boolean {
  return text.length <= 255 || (text.length <= 510 && [...text].length <= 255)
}

const string = ruleOf(messages.string, isFilled)
const integer = ruleOf(messages.integer, Number.isSafeInteger)
const boolean = ruleOf(messages.boolean, (value) => typeof value === 'boolean')
export const prohibited = ruleOf(messages.prohibited, () => false)

export const identifier: Rule = (value, path, errors) => {
  if (!isFilled(value)) addError(errors, path, messages.string)
  else if (!isShort(value)) addError(errors, path, messages.max255)
}

function oneOf(...choices: string[]): Rule {
  return ruleOf(messages.selected, (value) => choices.includes(value as string))
}

const atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
const label = '[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?'
const email = ruleOf(
  messages.email,
  matches(new RegExp(`^(?=.{1,255}$)${atom}(?:\\.${atom})*@${label}(?:\\.${label})*$`)),
)

/** Ten digits of the North American Numbering Plan, with or without +1 and separators. */
const usPhone = ruleOf(
  messages.phone,
  matches(/^(?:\+?1[ .-]?)?(?:\([2-9]\d\d\)|[2-9]\d\d)[ .-]?[2-9]\d\d[ .-]?\d{4}$/),
)

const date = ruleOf(messages.date, (value) => {
  const parts = typeof value === 'string' ? /^(\d{4})-(\d\d)-(\d\d)$/.exec(value) : null
  if (!parts) return false
  const day = new Date(`${value}T00:00:00Z`)
  // JavaScript parses 2023-02-30 as March 2.
  return !Number.isNaN(day.getTime()) && day.getUTCDate() === Number(parts[3])
})

/** Rejects numbers below 1000: they have lost their leading zeros and identify another person. */
const lastFour = ruleOf(
  messages.fourDigits,
  (value) =>
    (Number.isInteger(value) && (value as number) >= 1000 && (value as number) <= 9999) ||
    matches(/^\d{4}$/)(value),
)

function object(shape: Shape): Rule {
  return (value, path, errors) => {
    if (isObject(value)) validateShape(value, `${path}.`, shape, errors)
    else addError(errors, path, messages.array)
  }
}

function listOf(rule: Rule): Rule {
  return (value, path, errors) => {
    if (!Array.isArray(value)) addError(errors, path, messages.array)
    else for (const [index, item] of value.entries()) rule(item, `${path}.${index}`, errors)
  }
}

/** Accepts empty values, because they delete keys (README.md, Customer). */
const metadata: Rule = (value, path, errors) => {
  if (!isObject(value)) return addError(errors, path, messages.array)
  for (const key of Object.keys(value)) {
    const entry = value[key]
    if (!isShort(key)) addError(errors, path, messages.max255)
    else if (entry === null) continue
    else if (typeof entry !== 'string') addError(errors, `${path}.${key}`, messages.string)
    else if (!isShort(entry)) addError(errors, `${path}.${key}`, messages.max255)
  }
}

const weekdays = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday']

/** README.md, Customer. */
const customerShape: Shape = {
  required: ['name'],
  rules: [
    ['name', string],
    ['external_id', identifier],
    ['email', email],
    ['phone', usPhone],
    ['date_of_birth', date],
    ['ssn_last4', lastFour],
    [
      'address',
      object({
        required: [],
        rules: [
          ['name', string],
          ['line1', string],
          ['line2', string],
          ['city', string],
          ['postal_code', string],
          ['state', string],
          ['country', string],
          ['is_primary', boolean],
        ],
      }),
    ],
    ['metadata', metadata],
  ],
}

const withSsnLast4 = (rule: Rule): Shape => ({
  ...customerShape,
  rules: customerShape.rules.map(([field, known]) => [field, field === 'ssn_last4' ? rule : known]),
})
const isNumberOf4Digits = (value: unknown) => Number.isInteger(value) && Math.abs(Number(value)) <= 9999
const customerShapes: Record<SimulatorSettings['ssnLast4'], Shape> = {
  any: customerShape,
  text: withSsnLast4(ruleOf(messages.string, matches(/^\d{4}$/))),
  number: withSsnLast4(ruleOf(messages.integer, isNumberOf4Digits)),
}
export const customerShapeFor = ({ ssnLast4 }: SimulatorSettings): Shape => customerShapes[ssnLast4]

/** README.md, Location. */
export const locationShape: Shape = {
  required: ['name'],
  rules: [
    ['name', string],
    ['external_id', identifier],
    ['type', oneOf('original_creditor', 'current_creditor', 'product_type')],
    ['metadata', metadata],
  ],
}

/** README.md, Debt account. Validation of `parent_external_id` depends on the store and is done separately. */
export const debtAccountShape: Shape = {
  required: ['balance'],
  rules: [
    ['external_id', identifier],
    ['external_account_number', string],
    ['billing_type', listOf(string)],
    ['balance', integer],
    ['current_balance', integer],
    ['locations', listOf(object(locationShape))],
    [
      'payment_plan',
      object({
        required: [],
        rules: [
          ['frequency', oneOf('weekly', 'every_other_week', 'monthly')],
          ['recurring_day', oneOf(...weekdays, '1st', '15th', 'last_day')],
          ['amount', integer],
        ],
      }),
    ],
    ['metadata', metadata],
    // These fields belong to the single-resource endpoints; here nesting links the resources.
    ['customer_id', prohibited],
    ['location_id', prohibited],
  ],
}
