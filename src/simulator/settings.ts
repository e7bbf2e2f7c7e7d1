interface Setting<T> {
  default: T
  /** What a value must be, for error messages. */
  expected: string
  accepts: (value: unknown) => boolean
  /** Meaning, in the words of the table in docs/simulator.md. */
  description: string
}

/**
 * Every setting of the simulator. A new entry is all that types, validation and the control route need;
 * test/simulator/settings.test.ts compares the entries with docs/simulator.md.
 */
export const settingDefinitions = {
  token: setting('simulated-token', 'a non-empty string', isFilledString, 'accepted bearer token'),
  requestsPerMinute: setting(
    300,
    'a positive number',
    (value) => isNumber(value) && value > 0,
    'rate limit; `Infinity` (over HTTP `null`) disables it',
  ),
  retryAfter: setting(false, 'true or false', isBoolean, 'whether a 429 has a `Retry-After` header'),
  callTimeoutMs: milliseconds(10_000, 'timeout of the JIT call'),
  bulkDelayMs: milliseconds(0, 'how long a bulk action stays `pending`'),
  existingCustomers: choice(
    ['reuse', 'reject'],
    'reuse',
    '`reuse` adds the accounts of a bulk row to a known customer; `reject` rejects the row ("has already been taken")',
  ),
  unknownParents: choice(
    ['reject', 'accept'],
    'reject',
    'account whose parent is neither stored nor sent: `accept` links it when the parent arrives',
  ),
  errorsPerPage: setting(
    0,
    '0 to 500',
    (value) => isInteger(value) && value >= 0 && value <= 500,
    'rows on a page of bulk errors, with `links`, `meta`, `?page=` and `?limit=` (1 to 500); 0 returns all rows without links',
  ),
  errorsPaging: choice(
    ['links', 'next_page_url', 'last_page', 'cursor', 'link_header', 'path', 'circle', 'endless'],
    'links',
    'how a page of bulk errors names the next one; `circle` names the same page again, `endless` always has a next page',
  ),
  errorsPendingStatus: setting(
    0,
    '0 or a status from 200 to 599',
    (value) => value === 0 || (isInteger(value) && value >= 200 && value <= 599),
    'status of bulk errors while the action is `pending`; 0 returns an empty list',
  ),
  errorShape: choice(
    ['documented', 'list', 'strings', 'dotted'],
    'documented',
    'shape of `errors` in bulk errors: `list` repeats `data` for customer and location, `strings` has no lists of messages, `dotted` has keys like `debt_accounts.0.balance`',
  ),
  errorIds: choice(
    ['exact', 'lower_case', 'number', 'row_number', 'absent'],
    'exact',
    'how bulk errors name a row: `external_id` as sent, in lower case or as a number, only the row number in `row`, or not at all',
  ),
  invalidRows: choice(
    ['list', 'reject_request', 'reject_unnamed'],
    'list',
    'rows of `rejectedRows`: in bulk errors, or the request is rejected with 422, with or without the index of the row',
  ),
  maxBulkRows: setting(
    1000,
    '1 to 1000',
    (value) => isInteger(value) && value >= 1 && value <= 1000,
    'rows of a bulk request; more are rejected with 422',
  ),
  maxBulkBytes: setting(
    32 * 1024 * 1024,
    'a whole number',
    isInteger,
    'bytes of a bulk request; more are rejected with 413',
  ),
  bulkAnswer: choice(
    ['documented', 'no_bulk_id', 'low_count'],
    'documented',
    'answer to a bulk request: as documented, without a `bulk_id`, or with a `count` that is 1 too low',
  ),
  lostResponseStatus: setting(
    0,
    '0 or a status from 200 to 599',
    (value) => value === 0 || (isInteger(value) && value >= 200 && value <= 599),
    'status of a lost response, as a gateway sends it; 0 closes the connection',
  ),
  lostResponses: share('share of requests that are processed but whose response is lost'),
  rejectedRows: share(
    'share of bulk rows whose customer or one account is rejected unless stored; the same row is always rejected',
  ),
  seed: setting(1, 'a whole number', isInteger, 'seed of `lostResponses` and `rejectedRows`'),
}

/** Can change while the simulator runs, by `configure` or POST /simulator/configure. */
export type SimulatorSettings = {
  [Name in keyof typeof settingDefinitions]: (typeof settingDefinitions)[Name]['default']
}

export const defaultSettings = Object.fromEntries(
  Object.entries(settingDefinitions).map(([name, definition]) => [name, definition.default]),
) as Readonly<SimulatorSettings>

/**
 * Returns the settings with the changes applied.
 * @throws TypeError naming every unknown setting and every invalid value
 */
export function changeSettings(settings: SimulatorSettings, changes: object): SimulatorSettings {
  const given = Object.entries(changes).filter(([, value]) => value !== undefined)
  const errors = given.flatMap(([name, value]) => {
    if (!Object.hasOwn(settingDefinitions, name)) return [`${name} is not a setting`]
    const { accepts, expected } = settingDefinitions[name as keyof SimulatorSettings]
    return accepts(value) ? [] : [`${name} must be ${expected}`]
  })
  if (errors.length > 0) throw new TypeError(errors.join('; '))
  return { ...settings, ...Object.fromEntries(given) }
}

function setting<T>(
  defaultValue: T,
  expected: string,
  accepts: (value: unknown) => boolean,
  description: string,
): Setting<T> {
  return { default: defaultValue, expected, accepts, description }
}

function choice<T extends string>(
  values: readonly T[],
  defaultValue: NoInfer<T>,
  description: string,
): Setting<T> {
  const accepts = (value: unknown) => values.includes(value as T)
  return { default: defaultValue, expected: values.join(' or '), accepts, description }
}

function milliseconds(defaultValue: number, description: string): Setting<number> {
  return setting(defaultValue, 'milliseconds', (value) => isInteger(value) && value >= 0, description)
}

function share(description: string): Setting<number> {
  const accepts = (value: unknown) => isNumber(value) && value >= 0 && value <= 1
  return setting(0, 'a share from 0 to 1', accepts, description)
}

function isFilledString(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}

function isBoolean(value: unknown): boolean {
  return typeof value === 'boolean'
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number'
}

function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value)
}
