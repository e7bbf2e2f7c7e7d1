/** What can be changed while the simulator runs, by `configure` or POST /simulator/configure. */
export interface SimulatorSettings {
  /** The bearer token that is accepted. */
  token: string
  /** In any sixty seconds; Infinity lifts it. */
  requestsPerMinute: number
  /** Whether a 429 carries Retry-After: nobody here has seen that it does. */
  retryAfter: boolean
  /** Milliseconds that the JIT call may take. */
  callTimeoutMs: number
  /** Milliseconds that a bulk action stays pending. */
  bulkDelayMs: number
  /** A customer of a bulk row that is held already: its new accounts are added, or the row is refused. */
  existingCustomers: 'reuse' | 'refuse'
  /** An account whose parent is neither held nor sent along. */
  unknownParents: 'refuse' | 'accept'
  /** Rows on a page of bulk errors; 0 puts all on one, without links. */
  errorsPerPage: number
  /** Share (0 to 1) of answers that are lost after the request was taken. */
  lostAnswers: number
  /** Share (0 to 1) of bulk rows that are refused for no reason of theirs. */
  refusedRows: number
  /** Decides which answers and rows these are. */
  seed: number
}

export const defaultSettings: Readonly<SimulatorSettings> = {
  token: 'simulated-token',
  requestsPerMinute: 300,
  retryAfter: false,
  callTimeoutMs: 10_000,
  bulkDelayMs: 0,
  existingCustomers: 'reuse',
  unknownParents: 'refuse',
  errorsPerPage: 0,
  lostAnswers: 0,
  refusedRows: 0,
  seed: 1,
}

type Kind = [description: string, accepts: (value: unknown) => boolean]

const isNumber = (value: unknown): value is number => typeof value === 'number'
const milliseconds: Kind = ['milliseconds', (value) => Number.isSafeInteger(value) && (value as number) >= 0]
const share: Kind = ['a share from 0 to 1', (value) => isNumber(value) && value >= 0 && value <= 1]
const choice = (...words: string[]): Kind => [words.join(' or '), (value) => words.includes(value as string)]

const kinds: Record<keyof SimulatorSettings, Kind> = {
  token: ['a text', (value) => typeof value === 'string' && value !== ''],
  requestsPerMinute: ['a positive number', (value) => isNumber(value) && value > 0],
  retryAfter: ['true or false', (value) => typeof value === 'boolean'],
  callTimeoutMs: milliseconds,
  bulkDelayMs: milliseconds,
  existingCustomers: choice('reuse', 'refuse'),
  unknownParents: choice('refuse', 'accept'),
  errorsPerPage: [
    '0 to 500',
    (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 500,
  ],
  lostAnswers: share,
  refusedRows: share,
  seed: ['a whole number', (value) => Number.isSafeInteger(value)],
}

/**
 * The settings with the changes applied.
 * @throws TypeError naming every setting that is unknown or wrong
 */
export function changeSettings(settings: SimulatorSettings, changes: object): SimulatorSettings {
  const given = Object.entries(changes).filter(([, value]) => value !== undefined)
  const problems = given.flatMap(([name, value]) => {
    const kind = Object.hasOwn(kinds, name) ? kinds[name as keyof SimulatorSettings] : undefined
    if (!kind) return [`${name} is not a setting`]
    return kind[1](value) ? [] : [`${name} must be ${kind[0]}`]
  })
  if (problems.length > 0) throw new TypeError(problems.join('; '))
  return { ...settings, ...Object.fromEntries(given) }
}
