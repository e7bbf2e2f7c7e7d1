/** Compares what was sent for a call with what would be sent now. */
import { hash } from 'node:crypto'
import type { AccountLookup } from '../payload/look-up-account.ts'
import type { CallRow } from './read-calls.ts'

/** Names, amounts in cents, counts and outcomes. */
export interface Difference {
  field: 'outcome' | 'balance' | 'current_balance' | 'children' | 'omitted' | 'other_fields'
  sent: string | number | null
  now: string | number | null
}

/** The number of names in the log. */
const MAX_OMITTED = 20

/**
 * The log has no other values than amounts. So `other_fields` only says that the bodies differ, although the amounts,
 * the number of children and the omitted fields are the same.
 * @param now the outcome of the current lookup
 */
export function compareCall(call: CallRow, current: AccountLookup, now: string): Difference[] {
  const wasAnswered = call.body_sha256 !== null
  const sent = wasAnswered ? 'answered' : call.outcome
  if (sent !== now || !('payload' in current)) return sent === now ? [] : [{ field: 'outcome', sent, now }]
  const { debt_account, child_debt_accounts = [] } = current.payload.data
  const kinds = [...new Set(current.omitted.map(({ kind }) => kind))].slice(0, MAX_OMITTED)
  const fields: Difference[] = [
    { field: 'balance', sent: call.balance, now: debt_account.balance },
    { field: 'current_balance', sent: call.current_balance, now: debt_account.current_balance ?? null },
    { field: 'children', sent: call.children, now: child_debt_accounts.length },
    { field: 'omitted', sent: call.omitted.join(', '), now: kinds.join(', ') },
  ]
  const differences = fields.filter((field) => field.sent !== field.now)
  const sha256 = hash('sha256', JSON.stringify(current.payload), 'hex')
  if (differences.length > 0 || sha256 === call.body_sha256) return differences
  return [{ field: 'other_fields', sent: null, now: null }]
}
