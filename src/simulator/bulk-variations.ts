/** Other readings of bulk.txt, for the settings that choose between them. The default is the documented shape. */
import { isObject, type JsonObject } from './json.ts'
import { randomRejection } from './random.ts'
import type { SimulatorSettings } from './settings.ts'
import { addError, messages, type ValidationErrors } from './validation-messages.ts'

interface ErrorRow {
  id: number
  payload: unknown
  errors: unknown
}

/** @param position of the row in its request, from 1 */
export function varyErrorRow(row: ErrorRow, position: number, settings: SimulatorSettings): unknown {
  const errors = varyErrors(row.errors as JsonObject, row.payload, settings)
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
  for (const [index, row] of rows.entries())
    if (randomRejection(isObject(row) ? row : {}, settings) !== undefined)
      if (settings.invalidRows === 'reject_request')
        addError(errors, `${index}.customer.name`, messages.format)
      else errors.set('data', ['The data field is invalid.'])
  return errors
}
