import {
  choice,
  isBoolean,
  isFilledString,
  isInteger,
  isNumber,
  milliseconds,
  setting,
  share,
} from './define-setting.ts'

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
  idComparison: choice(
    ['exact', 'folded'],
    'exact',
    'how an `external_id` is compared: `folded` ignores case, trailing blanks and Unicode composition, as MySQL can',
  ),
  takenMessage: choice(
    ['taken', 'exists', 'conflict'],
    'taken',
    'wording of the error for a known `external_id`: "has already been taken", "already exists", "is in conflict with a stored one"',
  ),
  ssnLast4: choice(['any', 'text', 'number'], 'any', 'accepted JSON type of `ssn_last4`'),
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
    'rows that break the rules of a field, and rows of `rejectedRows`: in bulk errors, or the request is rejected with 422, with or without the index of the row',
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
    ['documented', 'top_level', 'no_bulk_id', 'low_count'],
    'documented',
    'answer to a bulk request: as documented, with `id` instead of `bulk_id` and without `data`, without a `bulk_id`, or with a `count` that is 1 too low',
  ),
  parallelBulk: choice(
    ['accept', 'reject'],
    'accept',
    'bulk request while another bulk action is `pending`: `reject` returns 409',
  ),
  abortedRequests: choice(
    ['process', 'drop'],
    'process',
    'bulk request whose client closes the connection after the body: `drop` does not process it',
  ),
  registeredTwice: choice(
    ['accept', 'reject'],
    'accept',
    'registration of a URL that is registered: `reject` returns 422 ("has already been taken")',
  ),
  registrationCheck: choice(
    ['none', 'head', 'get'],
    'none',
    'request to the URL before it is registered; a status other than 200 does not matter',
  ),
  calledUrl: choice(['last', 'first'], 'last', 'the registered URL that a trigger calls'),
  urlSlash: choice(['keep', 'remove'], 'keep', 'the slash at the end of a registered URL'),
  urlQuery: choice(
    ['append', 'concatenate', 'reject'],
    'append',
    'registered URL with a query: the parameter is appended with `&`, or with a second `?`, or the URL is rejected with 422',
  ),
  triggerAnswer: choice(
    ['uuid', 'id'],
    'uuid',
    'resources in the answer of a trigger: with `uuid`, or as Tratta’s other pages show them, with `id`, `dob`, `ssn`, and lists of addresses and metadata',
  ),
  triggerErrors: choice(
    ['fields', 'message'],
    'fields',
    'validation errors in the answer of a trigger: by field, or only a `message`',
  ),
  jitErrors: choice(
    ['relay', 'wrap'],
    'relay',
    'answer of a trigger when the JIT answer is not 200: its status and body, or 502 with a `message`',
  ),
  unauthorizedStatus: setting(
    401,
    'a status from 400 to 499',
    (value) => isInteger(value) && value >= 400 && value <= 499,
    'status for a wrong token',
  ),
  unknownBulkStatus: setting(
    404,
    'a status from 200 to 499',
    (value) => isInteger(value) && value >= 200 && value <= 499,
    'status of the errors of an unknown bulk action; below 300 an empty list',
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
  rejectedValues: setting(
    'none',
    '`none`, or field=text with commas between them',
    (value) => typeof value === 'string' && /^(none|[a-z_.*]+=[^,=]+(,[a-z_.*]+=[^,=]+)*)$/.test(value),
    'answers to a JIT call are rejected if the field contains the text, such as `customer.phone=555,debt_account.metadata.*=x`; or `none`',
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
