/**
 * Laravel's validation messages. Tratta's pages show one message ("The external id has already been taken.",
 * bulk.txt), which is Laravel's; the others are assumed to be Laravel's too.
 */
export const messages = {
  required: 'The :attribute field is required.',
  requiredWithout: 'The :attribute field is required when :other is not present.',
  string: 'The :attribute field must be a string.',
  integer: 'The :attribute field must be an integer.',
  boolean: 'The :attribute field must be true or false.',
  array: 'The :attribute field must be an array.',
  json: 'The :attribute field must be a valid JSON string.',
  email: 'The :attribute field must be a valid email address.',
  url: 'The :attribute field must be a valid URL.',
  phone: 'The :attribute field must be a valid number.',
  date: 'The :attribute field must match the format Y-m-d.',
  fourDigits: 'The :attribute field must be 4 digits.',
  max255: 'The :attribute field must not be greater than 255 characters.',
  max1000: 'The :attribute field must not have more than 1000 items.',
  selected: 'The selected :attribute is invalid.',
  taken: 'The :attribute has already been taken.',
  duplicate: 'The :attribute field has a duplicate value.',
  prohibited: 'The :attribute field is prohibited.',
  format: 'The :attribute field format is invalid.',
} as const

/** Messages by dotted path, e.g. `child_debt_accounts.0.balance`. */
export type ValidationErrors = Map<string, string[]>

/** @param other path of the field that replaces `:other` */
export function addError(errors: ValidationErrors, path: string, template: string, other = ''): void {
  const message = template
    .replace(':attribute', () => attribute(path))
    .replace(':other', () => attribute(other))
  const existing = errors.get(path)
  if (existing) existing.push(message)
  else errors.set(path, [message])
}

export function singleError(path: string, template: string): ValidationErrors {
  const errors: ValidationErrors = new Map()
  addError(errors, path, template)
  return errors
}

/** Laravel shows `external_id` as "external id", but does not change a path that contains a list index. */
function attribute(path: string): string {
  return /\.\d+(\.|$)/.test(path) ? path : path.replaceAll('_', ' ')
}
