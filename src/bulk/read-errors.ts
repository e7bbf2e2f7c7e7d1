/**
 * What Tratta refused of a row, out of `GET /bulk/{id}/errors` ("Bulk", Errors).
 *
 * A row of the answer holds the row as it was sent (`payload`, its keys in another order) and `errors`: of
 * `customer` and `location` the messages by field, or an empty list; of each account that is at fault what
 * was sent (`data`) and its messages by field. Its `id` is not the place of the row in the request.
 */
import { isObject, type Json } from '../json.ts'

export interface RowErrors {
  customer: string
  location: string
  /** All accounts of the row, as Tratta repeats them. */
  accounts: string[]
  /** Of customer, location or what nobody has seen yet: Tratta took nothing of the row. */
  whole: string[]
  /** Whether `whole` says nothing but that the customer "has already been taken". */
  isCustomerTaken: boolean
  /** By external_id; empty for an account that Tratta does not name. `isTaken`: nothing but "has already been taken". */
  byAccount: Map<string, { reasons: string[]; isTaken: boolean }>
}

const objectIn = (value: unknown): Json => (isObject(value) ? value : {})
const textIn = (value: unknown) =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''
const listIn = (value: unknown) => (Array.isArray(value) ? value : [])

const ACCOUNT_LISTS = ['parent_debt_accounts', 'debt_accounts']
const TAKEN = /\bexternal_id: .*\balready been taken\b/i

export function readErrorRow(row: unknown): RowErrors {
  const { payload, errors } = objectIn(row)
  const { customer, location, ...lists } = objectIn(payload)
  const said = objectIn(errors)
  const whole: string[] = []
  const byAccount: RowErrors['byAccount'] = new Map()
  for (const [part, messages] of Object.entries(said)) {
    if (!ACCOUNT_LISTS.includes(part)) whole.push(...reasonsIn(part, messages))
    else if (Array.isArray(messages))
      for (const one of messages) {
        const { data, messages } = objectIn(one)
        const reasons = reasonsIn('debt_account', messages)
        const key = textIn(objectIn(data).external_id)
        const known = byAccount.get(key)?.reasons ?? []
        const all = [...known, ...(reasons.length > 0 ? reasons : [UNEXPLAINED])]
        byAccount.set(key, { reasons: all, isTaken: all.every((reason) => TAKEN.test(reason)) })
      }
    else whole.push(...reasonsIn(part, messages))
  }
  if (whole.length === 0 && byAccount.size === 0) whole.push(UNEXPLAINED)
  return {
    customer: textIn(objectIn(customer).external_id),
    location: textIn(objectIn(location).external_id),
    accounts: ACCOUNT_LISTS.flatMap((list) =>
      listIn(lists[list]).map((one) => textIn(objectIn(one).external_id)),
    ),
    whole,
    isCustomerTaken:
      whole.length > 0 && whole.every((reason) => /^customer\./.test(reason) && TAKEN.test(reason)),
    byAccount,
  }
}

const UNEXPLAINED = 'Tratta gives no message'
/** A message is a sentence, not a value; should one be longer, it is cut. */
const MOST_CHARACTERS = 300

/** Messages by field, a list of messages, or one: as `field: message`. */
function reasonsIn(part: string, messages: unknown): string[] {
  if (isObject(messages))
    return Object.entries(messages).flatMap(([field, more]) => reasonsIn(`${part}.${field}`, more))
  return [messages ?? []]
    .flat()
    .map((message) => `${part}: ${isObject(message) ? JSON.stringify(message) : String(message)}`)
    .map((reason) => reason.slice(0, MOST_CHARACTERS))
}
