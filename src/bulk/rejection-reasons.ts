/** Why a row or an account is not sent, or why it is unknown whether Tratta has it: codes, and their English. */

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
  /** An earlier attempt may have been accepted, and the account cannot be built again. */
  | { code: 'not_rebuildable'; because: string | undefined }

export type ReasonCode = Reason['code']

const PARENT = 'debt_account.parent_external_id its parent'

const TEXTS: Record<
  Exclude<ReasonCode, 'unsendable' | 'duplicate' | 'too_large' | 'not_rebuildable'>,
  string
> = {
  no_customer: 'debt_account has no customer',
  customer_missing: 'debt_account its customer is not there',
  parent_missing: `${PARENT} is not there`,
  parent_is_child: `${PARENT} has a parent itself: Bulk knows one level`,
  parent_without_customer: `${PARENT} has no customer`,
  other_customer: `${PARENT} belongs to another customer`,
  parent_rejected: `${PARENT} is not sent`,
  parent_rejected_by_tratta: `${PARENT} is rejected by Tratta`,
  row_rejected_by_tratta: 'debt_account its customer or location is rejected by Tratta',
}

/** One line: the field and what is wrong, without values. */
export function reasonText(reason: Reason): string {
  switch (reason.code) {
    case 'unsendable':
      return reason.message
    case 'duplicate':
      return `${reason.resource} is there twice`
    case 'too_large':
      return `customer its accounts take ${reason.bytes} bytes, more than TRATTA_BULK_BYTES (${reason.maxBytes})`
    case 'not_rebuildable':
      return `${reason.because ?? 'debt_account is no longer there'}; whether Tratta has it is unknown`
    default:
      return TEXTS[reason.code]
  }
}

/** The same without what differs from row to row, to count equal reasons. */
export const reasonKind = (reason: Reason): string =>
  reason.code === 'too_large' ? 'customer its accounts take more than TRATTA_BULK_BYTES' : reasonText(reason)

/** Thrown while a row or an account is built. */
export class RejectedError extends Error {
  readonly reason: Reason
  constructor(reason: Reason) {
    super(reasonText(reason))
    this.reason = reason
  }
}
