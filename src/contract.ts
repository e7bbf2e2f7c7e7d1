/**
 * Tratta's resources as schemas. Sources: Tratta's pages "Just In Time" (the payload's shape),
 * "Bulk" (the fields of its examples), "Customer", "Location" and "Debt account" (the rules of a field).
 * Money is integer cents. Every `description` completes the sentence "it must be …".
 *
 * A field marked `neverOmitted` is required for correctness: without it Tratta would keep
 * an old amount or an old family of accounts, and a wrong amount is worse than no answer.
 */
import { FormatRegistry, type Static, Type } from '@sinclair/typebox'

const EMAIL =
  /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])$/
const CALENDAR_DATE = /^(?!0000)\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

function isCalendarDate(text: string) {
  if (!CALENDAR_DATE.test(text)) return false
  const [year, month, day] = [Number(text.slice(0, 4)), Number(text.slice(5, 7)), Number(text.slice(8))]
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return day <= (month === 2 && isLeap ? 29 : DAYS[month - 1]!)
}

const hasAtMost = (text: string, max: number) =>
  text.length <= max || (text.length <= 2 * max && [...text].length <= max)

FormatRegistry.Set('external-id', (text) => hasAtMost(text, 255) && /\S/.test(text) && !/\p{Cc}/u.test(text))
/** A key may be blank, a value may not: an empty value would delete the key at Tratta. */
export const isMetadataKey = (key: string) => key !== '' && key.length <= 255
export const isMetadataText = (text: string) => hasAtMost(text, 255) && /\S/.test(text)
FormatRegistry.Set('metadata-text', isMetadataText)
FormatRegistry.Set('email', (text) => text.length <= 254 && EMAIL.test(text))
FormatRegistry.Set('calendar-date', isCalendarDate)

const Text = Type.String({ pattern: '\\S', description: 'a text that is not blank' })
const Cents = (options: { neverOmitted?: true } = {}) =>
  Type.Integer({
    minimum: Number.MIN_SAFE_INTEGER,
    maximum: Number.MAX_SAFE_INTEGER,
    description: 'a whole number of cents, at most 9007199254740991',
    ...options,
  })
const ExternalId = (options: { neverOmitted?: true } = {}) =>
  Type.String({
    format: 'external-id',
    description: 'an identifier of 1 to 255 characters without control characters',
    ...options,
  })
const OneOf = <const Values extends readonly string[]>(values: Values) =>
  Type.Unsafe<Values[number]>(
    Type.String({ pattern: `^(?:${values.join('|')})$`, description: `one of ${values.join(', ')}` }),
  )

/** Keys and values of 1 to 255 characters. An empty value would delete the key at Tratta. */
const Metadata = Type.Record(
  Type.String({ pattern: '^[\\s\\S]{1,255}$' }),
  Type.String({ format: 'metadata-text', description: 'a text of 1 to 255 characters' }),
  {
    additionalProperties: false,
    minProperties: 1,
    description: 'an object of texts, keys of 1 to 255 characters',
  },
)

const LocationType = OneOf(['original_creditor', 'current_creditor', 'product_type'])

// Tratta accepts a customer or a location without external_id, but cannot update it later. So the external_id
// is required here.
export const Location = Type.Object(
  {
    external_id: ExternalId(),
    name: Text,
    type: Type.Optional(LocationType),
    metadata: Type.Optional(Metadata),
  },
  { description: 'a location' },
)

export const FurtherLocation = Type.Object({
  external_id: Type.Optional(ExternalId()),
  name: Text,
  type: Type.Optional(LocationType),
})

export const Address = Type.Object(
  {
    name: Type.Optional(Text),
    line1: Type.Optional(Text),
    line2: Type.Optional(Text),
    city: Type.Optional(Text),
    postal_code: Type.Optional(Text),
    state: Type.Optional(Text),
    country: Type.Optional(Text),
    is_primary: Type.Optional(Type.Boolean({ description: 'true or false' })),
  },
  {
    minProperties: 1,
    description: 'an object with name, line1, line2, city, postal_code, state, country, is_primary',
  },
)

/**
 * Tratta documents `ssn_last4` as a number, and a number loses leading zeros. So it is sent as the documented
 * number where that keeps four digits, and otherwise as a text of four digits (or always, see TRATTA_SSN_LAST4).
 */
const SsnLast4 = Type.Union(
  [Type.Integer({ minimum: 1000, maximum: 9999 }), Type.String({ pattern: '^[0-9]{4}$' })],
  { description: 'four digits' },
)

export const Customer = Type.Object(
  {
    external_id: ExternalId(),
    name: Text,
    email: Type.Optional(Type.String({ format: 'email', description: 'an e-mail address' })),
    phone: Type.Optional(
      Type.String({
        pattern: '^(\\+?1[ .-]?)?(\\([2-9][0-9]{2}\\)|[2-9][0-9]{2})[ .-]?[2-9][0-9]{2}[ .-]?[0-9]{4}$',
        description: 'a US phone number',
      }),
    ),
    date_of_birth: Type.Optional(
      Type.String({ format: 'calendar-date', description: 'a date written YYYY-MM-DD' }),
    ),
    ssn_last4: Type.Optional(SsnLast4),
    address: Type.Optional(Address),
    metadata: Type.Optional(Metadata),
  },
  { description: 'a customer' },
)

export const PaymentPlan = Type.Object(
  {
    frequency: OneOf(['weekly', 'every_other_week', 'monthly']),
    recurring_day: Type.String({
      pattern: '^(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|1st|15th|last_day)$',
      description: 'a weekday, 1st, 15th or last_day',
    }),
    amount: Type.Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'a whole number of cents, 0 or more',
    }),
  },
  { description: 'a payment plan' },
)

export const DebtAccount = Type.Object(
  {
    external_id: ExternalId(),
    parent_external_id: Type.Optional(ExternalId({ neverOmitted: true })),
    external_account_number: Type.Optional(Text),
    // Tratta's list of billing types is open: every text is valid.
    billing_type: Type.Optional(Type.Array(Text, { minItems: 1, description: 'a list of texts' })),
    balance: Cents(),
    current_balance: Type.Optional(Cents({ neverOmitted: true })),
    locations: Type.Optional(
      Type.Array(FurtherLocation, {
        minItems: 1,
        description: 'a list of locations',
      }),
    ),
    payment_plan: Type.Optional(PaymentPlan),
    metadata: Type.Optional(Metadata),
  },
  { description: 'a debt account' },
)

export const ChildDebtAccount = Type.Composite(
  [Type.Omit(DebtAccount, ['parent_external_id']), Type.Object({ parent_external_id: ExternalId() })],
  { description: 'a debt account that names its parent' },
)

/** The response for one account ("Respond to a JIT request"). */
export const JitPayload = Type.Object({
  data: Type.Object({
    location: Type.Optional(Location),
    customer: Type.Optional(Customer),
    debt_account: DebtAccount,
    child_debt_accounts: Type.Optional(
      Type.Array(ChildDebtAccount, {
        minItems: 1,
        neverOmitted: true,
        description: 'a list of debt accounts',
      }),
    ),
  }),
})

export type Location = Static<typeof Location>
export type Customer = Static<typeof Customer>
export type DebtAccount = Static<typeof DebtAccount>
export type ChildDebtAccount = Static<typeof ChildDebtAccount>
export type JitPayload = Static<typeof JitPayload>
