/** Values that are possible by type and impossible by meaning, most of them made by a spreadsheet. */

const MONTH =
  '(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)'
const [DAY, MONTH_NUMBER] = ['(?:0?[1-9]|[12]\\d|3[01])', '(?:0?[1-9]|1[0-2])']
const YEAR = '(?:19|20)\\d\\d'

const SUSPICIOUS_IDS: [pattern: string, rule: string][] = [
  [
    '[-+]?\\d(?:[.,]\\d+e[-+]?\\d+|e\\+\\d+)',
    'is a number in scientific notation: a spreadsheet removed digits of the id',
  ],
  ['\\d+\\.0+', 'ends with .0: a program read the id as a number'],
  [
    [
      `(?:${MONTH_NUMBER}/${DAY}|${DAY}/${MONTH_NUMBER})/(?:${YEAR}|\\d\\d)`,
      `(?:${MONTH_NUMBER}[-.]${DAY}|${DAY}[-.]${MONTH_NUMBER})[-.]${YEAR}`,
      `${YEAR}[-/.]${MONTH_NUMBER}[-/.]${DAY}(?:[ T]00:00(?::00)?(?:\\.0+)?)?`,
      `${DAY}[- ]${MONTH}(?:[- ](?:\\d\\d|${YEAR}))?`,
      `${MONTH}[- ](?:\\d\\d|${YEAR})`,
    ].join('|'),
    'is a date: a spreadsheet changed the id',
  ],
  ['(?:grand |sub)?totals?(?:[ :=].*)?|trl|trailer|eof|hdr|header', 'is a word of a trailer line, not an id'],
  ['true|false|undefined|\\[object object\\]', 'is a word of a program, not an id'],
  ['#(?:#+|n/a|ref!|value!|name\\?|div/0!|null!|num!)', 'is an error value of a spreadsheet'],
]
const ANY_SUSPICIOUS_ID = new RegExp(`^(?:${SUSPICIOUS_IDS.map(([pattern]) => pattern).join('|')})$`, 'i')

/** @returns the rule that an id violates */
export function suspiciousId(id: unknown): string | undefined {
  if (typeof id !== 'string' || !ANY_SUSPICIOUS_ID.test(id)) return undefined
  return SUSPICIOUS_IDS.find(([pattern]) => new RegExp(`^(?:${pattern})$`, 'i').test(id))?.[1]
}

const TODAY = new Date().toISOString().slice(0, 10)

/** Optional fields of a customer, whose suspicious values are omitted. @returns the rule that a value violates */
export const SUSPICIOUS_FIELDS: Record<string, (value: string) => string | undefined> = {
  // Programs write 1900-01-01 and 2099-12-31 for an unknown date.
  date_of_birth: (date) =>
    date < '1900-01-02' || date > TODAY
      ? 'must be a date of birth after 1900-01-01 and before today'
      : undefined,
  phone: (phone) => (/^\+?1?\D*(\d)(?:\D*\1){9}$/.test(phone) ? 'must have different digits' : undefined),
  ssn_last4: (digits) => (digits === '0000' ? 'must not be 0000' : undefined),
}
