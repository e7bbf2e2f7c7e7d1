/** Reads field names and messages from Tratta's errors in any shape, and masks values in them. */
import { isObject } from '../json.ts'

export interface FieldMessage {
  field: string
  message: string
}

/** Laravel's message of a unique rule, and other wordings of the same. */
export const TAKEN =
  /\balready (been )?(taken|used|registered|exists?|in use|present)|\bexists already|\bmust be unique|\bis not unique|\bduplicat/i

const MAX_CHARACTERS = 300
const MAX_DEPTH = 6
/** The object that contains the rejected values. */
const VALUE_KEYS = [
  'data',
  'payload',
  'value',
  'values',
  'input',
  'attributes',
  'original',
  'attempted_value',
  'row',
]
const MASK = '…'
/** Shorter values are parts of ordinary words. */
const MIN_VALUE_CHARACTERS = 3
const MAX_VALUES = 5000

/** An identifier as text: Tratta may return it as a number. */
export const idText = (value: unknown): string =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''

/** Masks what may be a value in a message whose row is not known: e-mail addresses, and numbers of 4 digits or more. */
export function maskMessage(text: string): string {
  return text
    .slice(0, MAX_CHARACTERS * 4)
    .replace(/[^\s@"'<>]+@[^\s@"'<>]+/g, MASK)
    .replace(/\+?\(?\d(?:[\d().\-/ ]{2,}\d)/g, (match) =>
      match.replace(/\D/g, '').length >= 4 ? MASK : match,
    )
    .slice(0, MAX_CHARACTERS)
}

/**
 * @param sources what holds values of the row: `payload`, and the errors themselves, which may repeat `data`
 * @returns reads the messages of a part: `field: message` pairs, none for null and empty parts
 */
export function createMessageReader(...sources: unknown[]) {
  const values = valuesIn(sources)
  const mask = (text: string) => {
    let masked = text
    for (const value of values)
      if (masked.toLowerCase().includes(value.toLowerCase())) masked = maskValue(masked, value)
    return maskMessage(masked)
  }
  const fieldName = (field: string) =>
    field
      .split('.')
      .map((name) => (/^[A-Za-z_][\w-]{0,63}$|^\d{1,3}$|^\*$/.test(name) ? name : '*'))
      .join('.')

  function read(field: string, value: unknown, depth = 0): FieldMessage[] {
    if (value === null || value === undefined || value === '' || depth > MAX_DEPTH) return []
    if (typeof value === 'string') return [{ field: fieldName(field), message: mask(value) }]
    if (Array.isArray(value)) return value.flatMap((one) => read(field, one, depth + 1))
    if (!isObject(value)) return [{ field: fieldName(field), message: 'Tratta gives no message' }]
    const { messages, errors, message } = value
    if (messages !== undefined || errors !== undefined) return read(field, messages ?? errors, depth + 1)
    if (typeof message === 'string')
      return read(typeof value.field === 'string' ? `${field}.${value.field}` : field, message, depth + 1)
    return Object.entries(value).flatMap(([key, more]) =>
      VALUE_KEYS.includes(key) ? [] : read(`${field}.${key}`, more, depth + 1),
    )
  }
  return (field: string, value: unknown) => read(field, value)
}

/** As a whole word, in any case. */
function maskValue(text: string, value: string): string {
  const escaped = value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return text.replace(new RegExp(`(?<![\\p{L}\\p{N}])${escaped}(?![\\p{L}\\p{N}])`, 'giu'), MASK)
}

/** The values of a row, the longest first. Field names, messages and our identifiers are not values. */
function valuesIn(sources: unknown[]): string[] {
  const found = new Set<string>()
  const addText = (text: string) => {
    const words = /\s/.test(text) ? [text, ...text.split(/\s+/)] : [text]
    for (const word of words)
      if (word.length >= MIN_VALUE_CHARACTERS && !FIELD_WORDS.test(word)) found.add(word)
  }
  const visit = (value: unknown, key: string, isData: boolean, depth: number): void => {
    if (found.size >= MAX_VALUES || depth > MAX_DEPTH * 2) return
    if (typeof value === 'string' || typeof value === 'number') {
      const text = String(value)
      const isValue = isData && !/(^|_)external_id$/.test(key) && text.length >= MIN_VALUE_CHARACTERS
      if (isValue) addText(text)
    } else if (Array.isArray(value)) for (const one of value) visit(one, key, isData, depth + 1)
    else if (isObject(value))
      for (const [name, more] of Object.entries(value))
        visit(more, name, isData || VALUE_KEYS.includes(name), depth + 1)
  }
  const [payload, ...rest] = sources
  visit(payload, '', true, 0)
  for (const one of rest) visit(one, '', false, 0)
  return [...found].sort((one, other) => other.length - one.length)
}

/** Words of messages and of our constants. They contain no personal data. */
const FIELD_WORDS =
  /^(the|has|already|been|taken|field|format|is|are|invalid|must|be|a|an|not|and|may|required|name|email|phone|address|date|birth|external|id|account|customer|location|balance|number|string|integer|array|selected|parent|value|valid|than|greater|least|characters|true|false|payment|plan|for|with|this|other)$/i
