/**
 * What Tratta rejects of a row, from an element of `GET /bulk/{id}/errors` ("Bulk", Errors).
 *
 * The documented element has `payload`, the row as it was sent, and `errors`: for `customer` and `location`
 * messages by field or an empty list, for each rejected account its `data` and `messages`. The page shows one
 * example only, so other shapes of Laravel are read too. Only field names and messages are kept, never values.
 */
import { isObject, type Json } from '../json.ts'
import { createMessageReader, type FieldMessage, idText, TAKEN } from './error-messages.ts'

export interface RowErrors {
  /** Empty when Tratta does not name it. */
  customer: string
  location: string
  /** All accounts of the row, as Tratta repeats them. */
  accounts: string[]
  /** Position of the row in the request, where Tratta gives one. */
  rowNumber: RowNumber | undefined
  /** Of customer, location or an unknown part: Tratta created nothing of the row. */
  whole: string[]
  /** Whether `whole` says nothing but that the customer "has already been taken". */
  isCustomerTaken: boolean
  /** By external_id; empty for an account that Tratta does not name. */
  byAccount: Map<string, AccountErrors>
}

export interface AccountErrors {
  reasons: string[]
  /** Nothing but "has already been taken". */
  isTaken: boolean
}

/** `id` is the position of the row in one reading of the page, and an id of Tratta's in another. */
interface RowNumber {
  value: number
  name: 'row' | 'index' | 'id'
}

const ACCOUNT_LISTS = ['parent_debt_accounts', 'debt_accounts']
const UNEXPLAINED = 'Tratta gives no message'
const ROW_NAMES = ['row_number', 'row', 'line', 'position']

const objectIn = (value: unknown): Json => (isObject(value) ? value : {})
const listIn = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])

export function parseErrorRow(row: unknown): RowErrors {
  const element = objectIn(row)
  const payload = objectIn(element.payload ?? element.data)
  const errors = element.errors ?? element.messages ?? element.error
  const messagesOf = createMessageReader(element.payload ?? element.data, errors)
  const listed = ACCOUNT_LISTS.flatMap((list) =>
    listIn(payload[list]).map((account) => ({ list, id: idText(objectIn(account).external_id) })),
  )
  const accountAt = (list: string, index: number) =>
    listed.filter((account) => account.list === list)[index]?.id ?? ''

  const whole: FieldMessage[] = []
  const accounts = new Map<string, FieldMessage[]>()
  const addAccount = (id: string, messages: FieldMessage[]) =>
    accounts.set(id, [...(accounts.get(id) ?? []), ...messages])

  /** `part` can be a dotted key: `debt_accounts.0.balance`. */
  const addPart = (part: string, value: unknown) => {
    const [first = '', index, ...rest] = part.split('.')
    if (!ACCOUNT_LISTS.includes(first)) whole.push(...messagesOf(part, value))
    else if (index !== undefined) {
      const id = /^\d+$/.test(index) ? accountAt(first, Number(index)) : ''
      addAccount(id, messagesOf(['debt_account', ...rest].join('.'), value))
    } else if (Array.isArray(value)) for (const one of value) addListed(one)
    else if (isObject(value)) for (const [key, more] of Object.entries(value)) addKeyed(first, key, more)
    else addAccount('', messagesOf('debt_account', value))
  }

  const addListed = (account: unknown) => {
    const { data, ...more } = objectIn(account)
    const id = idText(objectIn(data).external_id ?? more.external_id)
    const messages = isObject(account) ? (more.messages ?? more.errors ?? more.message) : account
    addAccount(id, messagesOf('debt_account', messages))
  }

  const addKeyed = (list: string, key: string, value: unknown) => {
    if (!/^\d+(\.|$)/.test(key)) addAccount('', messagesOf(`debt_account.${key}`, value))
    else addPart(`${list}.${key}`, isObject(value) && 'messages' in value ? value.messages : value)
  }

  if (isObject(errors)) for (const [part, value] of Object.entries(errors)) addPart(part, value)
  else whole.push(...messagesOf('row', errors))
  if (whole.length === 0 && accounts.size === 0) whole.push({ field: 'row', message: UNEXPLAINED })

  return {
    customer: idText(objectIn(payload.customer).external_id),
    location: idText(objectIn(payload.location).external_id),
    accounts: listed.map(({ id }) => id).filter((id) => id !== ''),
    rowNumber: rowNumberOf(element),
    whole: whole.map(textOf),
    isCustomerTaken:
      whole.length > 0 &&
      whole.every(({ field, message }) => field === 'customer.external_id' && TAKEN.test(message)),
    byAccount: new Map(
      [...accounts].map(([id, messages]) => [
        id,
        {
          reasons: messages.length > 0 ? messages.map(textOf) : [`debt_account: ${UNEXPLAINED}`],
          isTaken:
            messages.length > 0 &&
            messages.every(
              ({ field, message }) => field === 'debt_account.external_id' && TAKEN.test(message),
            ),
        },
      ]),
    ),
  }
}

const textOf = ({ field, message }: FieldMessage) => `${field}: ${message}`

function rowNumberOf(element: Json): RowNumber | undefined {
  const integer = (value: unknown) =>
    Number.isSafeInteger(value) || (typeof value === 'string' && /^\d{1,6}$/.test(value))
      ? Number(value)
      : undefined
  const row = ROW_NAMES.map((name) => integer(element[name])).find((value) => value !== undefined)
  if (row !== undefined) return { value: row, name: 'row' }
  const index = integer(element.index)
  if (index !== undefined) return { value: index, name: 'index' }
  const id = integer(element.id)
  return id === undefined ? undefined : { value: id, name: 'id' }
}
