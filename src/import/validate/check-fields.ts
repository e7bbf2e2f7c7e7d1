/** Rules of single fields that the contract does not have. */
import type { TObject } from '@sinclair/typebox'
import { PaymentPlan } from '../../contract.ts'
import { isObject, isWrittenNumber, type Json } from '../../json.ts'
import type { Path } from '../../payload/omit-invalid-fields.ts'
import { fieldError, invalidValue, type RowError } from '../row-error.ts'
import { SUSPICIOUS_FIELDS, suspiciousId } from './suspicious-values.ts'

const PLAN_PATH = ['debt_account', 'payment_plan']
const AMOUNT_PATH = [...PLAN_PATH, 'amount']
/** The check constraint of the column allows fifteen digits. */
const MAX_INSTALLMENT = 999_999_999_999_999

export function checkPlan(plan: unknown, account: Json, errors: RowError[]) {
  checkKeys(errors, plan, PaymentPlan, PLAN_PATH)
  const amount = isObject(account.payment_plan) ? account.payment_plan.amount : undefined
  // 150.00 in a file can be dollars.
  const isUnclear = isObject(plan) && isWrittenNumber(plan.amount)
  if (isUnclear)
    errors.push(invalidValue(AMOUNT_PATH, `must be ${PaymentPlan.properties.amount.description}`))
  const isTooLarge = typeof amount === 'number' && amount > MAX_INSTALLMENT
  if (isTooLarge) errors.push(invalidValue(AMOUNT_PATH, `must be at most ${MAX_INSTALLMENT} cents`))
  if (isUnclear || isTooLarge) delete account.payment_plan
}

export function checkSuspiciousFields(resource: Json, name: string, errors: RowError[]) {
  for (const field in SUSPICIOUS_FIELDS) {
    const value = resource[field]
    const rule = typeof value === 'string' ? SUSPICIOUS_FIELDS[field]!(value) : undefined
    if (rule === undefined) continue
    errors.push(fieldError([name, field], { code: 'suspicious', rule }))
    delete resource[field]
  }
}

/** The lookup would not send an unknown key, so a typing error would remain unnoticed. */
export function checkKeys(errors: RowError[], value: unknown, { properties }: TObject, path: Path) {
  if (!isObject(value)) return
  for (const key of Object.keys(value))
    if (!Object.hasOwn(properties, key))
      errors.push(
        fieldError([...path, key], { code: 'unknown_field', known: Object.keys(properties).join(', ') }),
      )
}

/** Postgres treats line separators as control characters. The contract does not. */
export function checkId(errors: RowError[], path: Path, id: unknown, allowSuspicious: boolean) {
  if (typeof id !== 'string') return
  if (/[\u2028\u2029]/.test(id))
    errors.push(invalidValue(path, 'must be an identifier without line separators'))
  const rule = allowSuspicious ? undefined : suspiciousId(id)
  if (rule !== undefined) errors.push(fieldError(path, { code: 'suspicious', rule }))
}
