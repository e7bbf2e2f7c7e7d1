/** The reasons for rows and accounts that are not sent or unknown: codes, and their English texts. */

/** An account that belongs to no customer that exists. */
export type OrphanCode =
  | 'no_customer'
  | 'customer_missing'
  | 'parent_missing'
  | 'parent_is_child'
  | 'parent_without_customer'

export type Reason =
  | { code: OrphanCode | 'other_customer' | 'parent_rejected' | 'parent_rejected_by_tratta' }
  /** `message` of an UnsendableAccountError: the field, and what it must be. */
  | { code: 'unsendable'; message: string }
  | { code: 'duplicate'; resource: 'customer' | 'location' | 'debt_account' }
  | { code: 'too_large'; bytes: number; maxBytes: number }
  | { code: 'row_rejected_by_tratta' }
  /** By what `probe` found, or by a setting (tratta/readings.ts). */
  | { code: 'known_customer' | 'same_id' }
  /** An earlier attempt may have been accepted, and the account cannot be built again. */
  | { code: 'not_rebuildable'; because: string | undefined }

export type ReasonCode = Reason['code']

const PARENT = 'debt_account.parent_external_id refers to'

const TEXTS: Record<
  Exclude<ReasonCode, 'unsendable' | 'duplicate' | 'too_large' | 'not_rebuildable'>,
  string
> = {
  no_customer: 'debt_account has no customer',
  customer_missing: 'debt_account refers to a customer that does not exist',
  parent_missing: `${PARENT} an account that does not exist`,
  parent_is_child: `${PARENT} a child: Bulk accepts one level of children`,
  parent_without_customer: `${PARENT} an account without a customer`,
  other_customer: `${PARENT} an account of another customer`,
  parent_rejected: `${PARENT} an account that is not sent`,
  parent_rejected_by_tratta: `${PARENT} an account that Tratta rejected`,
  known_customer:
    'customer is known to Tratta, which rejects rows of known customers: a call creates the account',
  same_id:
    'external_id differs from another only by case, trailing blanks or Unicode composition: Tratta treats them as one',
  row_rejected_by_tratta: 'debt_account refers to a customer or location that Tratta rejected',
}

/** One line: the field and what is wrong, without values. */
export function reasonText(reason: Reason): string {
  switch (reason.code) {
    case 'unsendable':
      return reason.message
    case 'duplicate':
      return `${reason.resource} exists more than once`
    case 'too_large':
      return `customer has accounts of ${reason.bytes} bytes, more than TRATTA_BULK_BYTES (${reason.maxBytes})`
    case 'not_rebuildable':
      return `${reason.because ?? 'debt_account no longer exists'}; it is unknown whether Tratta has it`
    default:
      return TEXTS[reason.code]
  }
}

/** The same without what differs from row to row, to count equal reasons. */
export const reasonKind = (reason: Reason): string =>
  reason.code === 'too_large' ? 'customer has accounts that exceed TRATTA_BULK_BYTES' : reasonText(reason)

/** Thrown while a row or an account is built. */
export class RejectedError extends Error {
  readonly reason: Reason
  constructor(reason: Reason) {
    super(reasonText(reason))
    this.reason = reason
  }
}
