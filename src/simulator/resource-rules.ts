import {
  boolean,
  date,
  email,
  identifier,
  integer,
  lastFour,
  listOf,
  metadata,
  object,
  oneOf,
  prohibited,
  type Shape,
  string,
  usPhone,
} from './field-rules.ts'

const weekdays = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday']

/** README.md, Customer. */
export const customerShape: Shape = {
  required: ['name'],
  rules: [
    ['name', string],
    ['external_id', identifier],
    ['email', email],
    ['phone', usPhone],
    ['date_of_birth', date],
    ['ssn_last4', lastFour],
    [
      'address',
      object({
        required: [],
        rules: [
          ['name', string],
          ['line1', string],
          ['line2', string],
          ['city', string],
          ['postal_code', string],
          ['state', string],
          ['country', string],
          ['is_primary', boolean],
        ],
      }),
    ],
    ['metadata', metadata],
  ],
}

/** README.md, Location. */
export const locationShape: Shape = {
  required: ['name'],
  rules: [
    ['name', string],
    ['external_id', identifier],
    ['type', oneOf('original_creditor', 'current_creditor', 'product_type')],
    ['metadata', metadata],
  ],
}

/** README.md, Debt account. `parent_external_id` is judged apart, by what is held. */
export const debtAccountShape: Shape = {
  required: ['balance'],
  rules: [
    ['external_id', identifier],
    ['external_account_number', string],
    ['billing_type', listOf(string)],
    ['balance', integer],
    ['current_balance', integer],
    ['locations', listOf(object(locationShape))],
    [
      'payment_plan',
      object({
        required: [],
        rules: [
          ['frequency', oneOf('weekly', 'every_other_week', 'monthly')],
          ['recurring_day', oneOf(...weekdays, '1st', '15th', 'last_day')],
          ['amount', integer],
        ],
      }),
    ],
    ['metadata', metadata],
    // they belong to the single-resource endpoints; here the nesting says it
    ['customer_id', prohibited],
    ['location_id', prohibited],
  ],
}
