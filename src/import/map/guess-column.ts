/** Guesses what a column of a file is, from its name and from the form of its cells. */
import { firstNameFirst } from './person-name.ts'

export interface Sample {
  name: string
  /** Cells that are not empty. */
  cells: string[]
}

const NUMBER = '(_?(no|nr|num|number|id|key|code))'
const AMOUNT = '(bal|balance|amt|amount|due|owed|owing)'
const DEBTOR =
  '(debtor|dbtr|customer|cust|consumer|person|guarantor|patient|party|responsible_party|borrower)'
const CREDITOR = '(client|creditor|original_creditor|orig_creditor|location|facility|hospital|portfolio)'
const PREFIX = '((home|mailing|mail|street|res|residence|debtor|customer|consumer|patient|guarantor)_)?'

const isMoney = (text: string) => /^\(?-?\$? ?-?[\d,]*\.?\d*\)?-?$/.test(text) && /\d/.test(text)
const isDate = (text: string) => /^\d{1,4}[-/.](\d{1,2}|[a-z]{3})[-/.]\d{1,4}( .*)?$|^\d{8}$/i.test(text)
const isEmail = (text: string) => /^\S+@\S+\.\S+$/.test(text)
const isPhone = (text: string) => /^[-+().\d\sx]+$/i.test(text) && text.replaceAll(/\D/g, '').length >= 10
const isShort = (text: string) => text.length <= 64

/** Our column, its usual names, and what its cells look like. Earlier ones win. */
const RULES: [target: string, names: string, isCell: (text: string) => boolean][] = [
  ['parent_external_id', `(parent|master)(_?(account|acct))?${NUMBER}?`, isShort],
  ['group', `(packet|pkt|link|linked|group|family|tie|bundle)${NUMBER}?`, isShort],
  [
    'external_account_number',
    `(${CREDITOR}|their|orig|original)_?(ref|reference|account|acct)${NUMBER}?`,
    isShort,
  ],
  ['external_account_number', `(ref|reference)${NUMBER}?|patient_account${NUMBER}?|mrn`, isShort],
  [
    'external_id',
    `((our|agency|debt|collection)_)?(account|acct|acc|file|debt|case|debt_account)${NUMBER}?`,
    isShort,
  ],
  [
    'balance',
    `(placed|placement|listed|list|orig|original|assigned|assigned_|referred|turned_over)_?${AMOUNT}|placed|placement`,
    isMoney,
  ],
  [
    'current_balance',
    `(cur|curr|current|total|outstanding|open|remaining|net|payoff)_?${AMOUNT}|${AMOUNT}(_?(due|owed|now))?|payoff`,
    isMoney,
  ],
  ['customer_external_id', `${DEBTOR}${NUMBER}`, isShort],
  ['customer_external_id', 'debtor|dbtr', (text) => /\d/.test(text)],
  ['first_name', `(${DEBTOR}_)?(first|fname|first_?name|given_?name)`, isShort],
  ['middle_name', `(${DEBTOR}_)?(middle|mi|mname|middle_?(name|initial))`, isShort],
  ['last_name', `(${DEBTOR}_)?(last|lname|last_?name|surname)`, isShort],
  ['customer_name', `(${DEBTOR}_?|full_?)?name|${DEBTOR}`, isShort],
  ['customer_email', `(.*_)?e_?mail(_?(address|addr|1))?`, isEmail],
  [
    'customer_phone',
    `(.*_)?(phone|tel|telephone|cell|mobile)(_?(no|nr|num|number|1))?|(home|cell)_?ph(one)?`,
    isPhone,
  ],
  ['customer_date_of_birth', `(.*_)?(dob|birth_?date|date_of_birth|birth_?day|bdate|born)`, isDate],
  [
    'customer_ssn_last4',
    `(.*_)?(ssn|ss_?no|social|social_security(_no|_number)?)(_?(last_?)?4)?|last4_?ssn`,
    (text) => /\d{4}$/.test(text),
  ],
  [
    'customer_address.line1',
    `${PREFIX}(address|addr|adr|street)(_?(line)?_?1)?|line_?1|street_address`,
    isShort,
  ],
  [
    'customer_address.line2',
    `${PREFIX}(address|addr|adr|street)_?(line)?_?2|line_?2|apt|apartment|unit|suite`,
    isShort,
  ],
  ['customer_address.city', `${PREFIX}(city|town)`, isShort],
  ['customer_address.state', `${PREFIX}(state|st|province)`, isShort],
  ['customer_address.postal_code', `${PREFIX}(zip|zip_?code|postal|postal_?code|post_?code|zip_?5)`, isShort],
  ['customer_address.country', `${PREFIX}country`, isShort],
  [
    'location_name',
    `${CREDITOR}_?name|(original_|orig_)?creditor|facility|hospital`,
    (text) => /[a-z]/i.test(text),
  ],
  ['location_external_id', `${CREDITOR}${NUMBER}?`, isShort],
]
const PATTERNS = RULES.map(([target, names, isCell]) => ({
  target,
  names: new RegExp(`^(${names})$`),
  isCell,
}))

/** `DebtorName`, `DEBTOR NAME` and `debtor-name` are `debtor_name`. */
const normalize = (name: string) =>
  name
    .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replace(/#\d+$/, '')
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replaceAll(/^_|_$/g, '')

/** @returns the guesses for a column, best first: our columns, `first_name`, `middle_name`, `last_name`, `group` */
export function guessColumn({ name, cells }: Sample): string[] {
  const normalized = normalize(name)
  const byName = PATTERNS.filter(({ names, isCell }) => names.test(normalized) && mostly(cells, isCell))
  const targets = byName.map(({ target }) => target)
  if (targets.length === 0 && cells.length > 0 && mostly(cells, isEmail)) return ['customer_email']
  return targets
}

/** Whether most cells have a form. A column without cells can be anything. */
const mostly = (cells: string[], isCell: (text: string) => boolean) =>
  cells.filter(isCell).length * 10 >= cells.length * 6

export const hasLastNameFirst = ({ cells }: Sample) =>
  cells.length > 0 && mostly(cells, (text) => text.includes(',') && firstNameFirst(text) !== text)

/** @returns undefined for ISO dates */
export function datesOf({ cells }: Sample): 'mdy' | 'dmy' | undefined {
  const parts = cells.flatMap((text) => {
    const match = /^(\d{1,2})[-/.](\d{1,2})[-/.]\d{4}/.exec(text)
    return match ? [[Number(match[1]), Number(match[2])] as const] : []
  })
  if (parts.length === 0) return undefined
  return parts.some(([first]) => first > 12) && !parts.some(([, second]) => second > 12) ? 'dmy' : 'mdy'
}

export const hasDecimals = ({ cells }: Sample) => cells.some((text) => /\.\d{1,2}\)?-?$/.test(text))
