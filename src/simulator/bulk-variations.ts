/** Other readings of bulk.txt, for the settings that choose between them. The default is the documented shape. */
import { isObject, type JsonObject } from './json.ts'
import { randomRejection } from './random.ts'
import { customerShapeFor, debtAccountShape, validateShape } from './resource-rules.ts'
import type { SimulatorSettings } from './settings.ts'
import { addError, messages, type ValidationErrors } from './validation-messages.ts'

interface ErrorRow {
  id: number
  payload: unknown
  errors: unknown
}

/** @param position of the row in its request, from 1 */
export function varyErrorRow(row: ErrorRow, position: number, settings: SimulatorSettings): unknown {
  const errors = varyErrors(renameTaken(row.errors, settings) as JsonObject, row.payload, settings)
  switch (settings.errorIds) {
    case 'exact':
      return { ...row, errors }
    case 'lower_case':
      return {
        id: row.id,
        payload: mapIds(row.payload, (id) => id.toLowerCase()),
        errors: mapIds(errors, (id) => id.toLowerCase()),
      }
    case 'number':
      return { id: row.id, payload: mapIds(row.payload, toNumber), errors: mapIds(errors, toNumber) }
    case 'row_number':
      return { row: position, errors: withoutData(errors) }
    case 'absent':
      return { id: row.id, errors: withoutData(errors) }
  }
}

const takenTexts = { exists: 'already exists', conflict: 'is in conflict with a stored one' }

function renameTaken(errors: unknown, settings: SimulatorSettings): unknown {
  const { takenMessage } = settings
  if (takenMessage === 'taken') return errors
  if (typeof errors === 'string') return errors.replace('has already been taken', takenTexts[takenMessage])
  if (Array.isArray(errors)) return errors.map((one) => renameTaken(one, settings))
  if (!isObject(errors)) return errors
  return Object.fromEntries(
    Object.entries(errors).map(([key, value]) => [
      key,
      key === 'data' ? value : renameTaken(value, settings),
    ]),
  )
}

const toNumber = (id: string) => (/^[1-9]\d{0,14}$/.test(id) ? Number(id) : id)

function mapIds(value: unknown, map: (id: string) => unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => mapIds(one, map))
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, more]) => [
      key,
      /external_id$/.test(key) && typeof more === 'string' ? map(more) : mapIds(more, map),
    ]),
  )
}

function withoutData(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutData)
  if (!isObject(value)) return value
  const { data: _, ...rest } = value
  return Object.fromEntries(Object.entries(rest).map(([key, more]) => [key, withoutData(more)]))
}

const lists = ['parent_debt_accounts', 'debt_accounts']

function varyErrors(errors: JsonObject, payload: unknown, { errorShape }: SimulatorSettings): unknown {
  const owner = (part: string) => (isObject(payload) ? payload[part] : undefined)
  const entries = Object.entries(errors)
  switch (errorShape) {
    case 'documented':
      return errors
    case 'list':
      return Object.fromEntries(
        entries.map(([part, value]) => [
          part,
          !lists.includes(part) && isObject(value) ? [{ data: owner(part), messages: value }] : value,
        ]),
      )
    case 'strings':
      return Object.fromEntries(
        entries.map(([part, value]) => [
          part,
          lists.includes(part)
            ? (value as { data: unknown; messages: JsonObject }[]).map((one) => ({
                ...one,
                messages: firstMessages(one.messages),
              }))
            : isObject(value)
              ? firstMessages(value)
              : value,
        ]),
      )
    case 'dotted':
      return Object.fromEntries(
        entries.flatMap(([part, value]) =>
          lists.includes(part)
            ? (value as { data: unknown; messages: JsonObject }[]).flatMap(({ data, messages: found }) =>
                Object.entries(found).map(([field, texts]) => [
                  `${part}.${(owner(part) as JsonObject[]).findIndex((one) => one.external_id === (data as JsonObject).external_id)}.${field}`,
                  texts,
                ]),
              )
            : isObject(value)
              ? Object.entries(value).map(([field, texts]) => [`${part}.${field}`, texts])
              : [],
        ),
      )
  }
}

const firstMessages = (found: JsonObject) =>
  Object.fromEntries(Object.entries(found).map(([field, texts]) => [field, (texts as string[])[0]]))

/** What rejects a bulk request as a whole, by the settings. */
export function requestErrors(rows: unknown[], settings: SimulatorSettings): ValidationErrors {
  const errors: ValidationErrors = new Map()
  if (rows.length > settings.maxBulkRows) {
    errors.set('data', [`The data field must not have more than ${settings.maxBulkRows} items.`])
    return errors
  }
  if (settings.invalidRows === 'list') return errors
  for (const [index, row] of rows.entries()) {
    const fields = isObject(row) ? row : {}
    validateFields(fields, `${index}.`, settings, errors)
    if (randomRejection(fields, settings) !== undefined)
      addError(errors, `${index}.customer.name`, messages.format)
  }
  if (settings.invalidRows === 'reject_request' || errors.size === 0) return errors
  return new Map([['data', ['The data field is invalid.']]])
}

/** Validates the fields of a row without the store, as a rule of the request can. */
function validateFields(
  row: JsonObject,
  prefix: string,
  settings: SimulatorSettings,
  errors: ValidationErrors,
): void {
  if (isObject(row.customer))
    validateShape(row.customer, `${prefix}customer.`, customerShapeFor(settings), errors)
  for (const list of lists)
    if (Array.isArray(row[list]))
      for (const [index, account] of row[list].entries())
        if (isObject(account)) validateShape(account, `${prefix}${list}.${index}.`, debtAccountShape, errors)
}
