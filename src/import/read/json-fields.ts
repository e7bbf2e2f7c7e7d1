/** Reads the fields of a resource in JSON. */
import { isObject, type Json } from '../../json.ts'
import type { RowPart } from '../import-row.ts'
import { fieldError, invalidValue, type RowError } from '../row-error.ts'

const MONEY = ['balance', 'current_balance']
const JSON_COLUMNS = ['locations', 'payment_plan', 'address', 'metadata', 'additional_fields']
/** An account gets these from the objects beside it. */
const FOREIGN_KEYS = ['customer_external_id', 'location_external_id']

/**
 * @param empty a row whose keys are the columns; gets the values
 * @param onAdditionalField gets the name of a field without a column of its own: its value goes to additional_fields
 */
export function readFields<Values extends object>(
  name: string,
  resource: unknown,
  empty: Values,
  errors: RowError[],
  onAdditionalField: (name: string) => void,
): RowPart<Values> {
  const values = empty as Json
  const columns = new Set<string>()
  if (!isObject(resource)) {
    errors.push(invalidValue([name], 'must be an object'))
    return { values: empty, columns }
  }
  const additional: [string, unknown][] = []
  for (const [key, field] of Object.entries(resource)) {
    if (FOREIGN_KEYS.includes(key)) errors.push(fieldError([name, key], { code: 'misplaced' }))
    else if (Object.hasOwn(values, key)) {
      columns.add(key)
      values[key] = readField([name, key], field, errors)
    } else if (field !== null) {
      additional.push([key, field])
      onAdditionalField(`${name}.${key}`)
    }
  }
  if (additional.length > 0) {
    columns.add('additional_fields')
    const own = values.additional_fields
    values.additional_fields = { ...(isObject(own) && own), ...Object.fromEntries(additional) }
  }
  return { values: empty, columns, isReference: columns.size === 1 && columns.has('external_id') }
}

function readField(path: [resource: string, key: string], field: unknown, errors: RowError[]): unknown {
  const [, key] = path
  if (field === null) return null
  if (MONEY.includes(key)) {
    if (typeof field === 'number' || (typeof field === 'string' && /^-?\d+$/.test(field)))
      return String(field)
    errors.push(invalidValue(path, 'must be a whole number of cents, without fraction and exponent'))
    return null
  }
  if (JSON_COLUMNS.includes(key)) {
    if (typeof field !== 'string') return field
    errors.push(invalidValue(path, 'must be a JSON value, not a text that contains JSON'))
    return null
  }
  if (key === 'billing_type' || typeof field === 'string') return field
  if (typeof field === 'number') return String(field)
  errors.push(invalidValue(path, 'must be a text'))
  return null
}
