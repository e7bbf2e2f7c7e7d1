/**
 * Laravel's validation lines. The one line that Tratta's pages show ("The external id has already been
 * taken.", bulk.txt) is Laravel's; the others are taken to be Laravel's as well.
 */
export const lines = {
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

/** Field path, dotted as in `child_debt_accounts.0.balance`, to the messages about it. */
export type Faults = Map<string, string[]>

export function addFault(faults: Faults, path: string, line: string, other = ''): void {
  const message = line.replace(':attribute', () => attribute(path)).replace(':other', () => attribute(other))
  const said = faults.get(path)
  if (said) said.push(message)
  else faults.set(path, [message])
}

/** Laravel shows `external_id` as "external id", but leaves a path through a list as it is. */
function attribute(path: string): string {
  return /\.\d+(\.|$)/.test(path) ? path : path.replaceAll('_', ' ')
}

export interface ValidationBody {
  message: string
  errors: Record<string, string[]>
}

/** The body of Laravel's 422: the first message, how many more there are, and all of them by field. */
export function validationBody(faults: Faults): ValidationBody {
  const messages = [...faults.values()].flat()
  const more = messages.length - 1
  const rest = more === 0 ? '' : ` (and ${more} more ${more === 1 ? 'error' : 'errors'})`
  return { message: `${messages[0]}${rest}`, errors: Object.fromEntries(faults) }
}
