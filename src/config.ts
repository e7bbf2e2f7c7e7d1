/**
 * Defines the settings and reads them from the environment into a frozen Config. The types, the validation,
 * `--help` and the test of `.env.example` are derived from the table SETTINGS.
 */
import { readFileSync } from 'node:fs'
import { BlockList, isIP } from 'node:net'
import { readDatabaseUrl } from './database-url.ts'

/** Settings are missing or not valid. The message has one line for each, and never contains a value. */
export class ConfigError extends Error {
  constructor(problems: string[]) {
    super(['The settings are not valid:', ...problems.map((problem) => `  ${problem}`)].join('\n'))
  }
}

interface Setting<Value> {
  meaning: string
  /** As written in the environment. */
  default?: string
  /** NAME_FILE can name a file that contains the value. */
  secret?: true
  /** @throws {Error} with a message that describes the valid values and never contains the value */
  read(text: string): Value
}

function must(holds: boolean, be: string): asserts holds {
  if (!holds) throw new Error(`must be ${be}`)
}

const integer = (min: number, max: number) => (text: string) => {
  const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  must(number >= min && number <= max, `a whole number from ${min} to ${max}`)
  return number
}

const oneOf =
  <const Value extends string>(...values: Value[]) =>
  (text: string): Value => {
    const value = values.find((each) => each === text)
    must(value !== undefined, `one of ${values.join(', ')}`)
    return value
  }

const boolean = (text: string) => oneOf('true', 'false')(text) === 'true'

const matching = (pattern: RegExp, be: string) => (text: string) => {
  must(pattern.test(text), be)
  return text
}

/** An http(s) URL; a trailing slash is removed. */
const httpAddress = (text: string) => {
  const url = URL.parse(text)
  must(
    url !== null &&
      ['http:', 'https:'].includes(url.protocol) &&
      url.username + url.password + url.search + url.hash === '',
    'an http(s) URL without user, query and fragment',
  )
  return text.replace(/[/?#]+$/, '')
}

const secret = matching(/^[A-Za-z0-9._~-]{32,200}$/, '32 to 200 of the characters A-Z a-z 0-9 . _ ~ -')

/** @returns the ranges as written, after validation */
const cidrs = (text: string) => {
  const ranges = text.split(',').flatMap((range) => range.trim() || [])
  for (const range of ranges) {
    const [address = '', bits, ...rest] = range.split('/')
    const maxBits = isIP(address) === 4 ? 32 : 128
    const fits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= maxBits)
    must(isIP(address) > 0 && fits && rest.length === 0, 'a comma-separated list of addresses or CIDR ranges')
  }
  return ranges
}

export const SETTINGS = {
  DATABASE_URL: {
    meaning: 'URL of the database, postgres://user:password@host:port/database',
    secret: true,
    read: readDatabaseUrl,
  },
  DATABASE_SCHEMA: {
    meaning:
      'schema of debt_accounts, customers and locations: the tables of tratta-jit, or views of your own',
    default: 'tratta_jit',
    read: matching(/^[^\p{Cc}]{1,63}$/u, 'the name of a schema'),
  },
  DATABASE_POOL_SIZE: {
    meaning: 'maximum number of connections to Postgres',
    default: '10',
    read: integer(1, 1000),
  },
  DATABASE_PREPARED_STATEMENTS: {
    meaning: 'set to false behind a PgBouncer older than 1.21 in transaction mode',
    default: 'true',
    read: boolean,
  },
  HOST: {
    meaning: 'address on which PORT listens',
    default: '0.0.0.0',
    read: matching(/^\S+$/, 'an address or a name'),
  },
  PORT: {
    meaning: 'public port: the JIT route and health, nothing else',
    default: '8080',
    read: integer(0, 65535),
  },
  ADMIN_HOST: {
    meaning: 'address on which ADMIN_PORT listens',
    default: '127.0.0.1',
    read: matching(/^\S+$/, 'an address or a name'),
  },
  ADMIN_PORT: {
    meaning: 'port for operators: health, metrics, the API description',
    default: '9090',
    read: integer(0, 65535),
  },
  PUBLIC_URL: {
    meaning: 'URL at which Tratta reaches PORT, for example https://jit.agency.example',
    read: httpAddress,
  },
  JIT_SECRET: {
    meaning: 'secret in the URL that is registered at Tratta, at least 32 URL-safe characters',
    secret: true,
    read: secret,
  },
  JIT_SECRET_PREVIOUS: {
    meaning: 'previous secret, accepted during a rotation',
    secret: true,
    read: secret,
  },
  JIT_DEADLINE_MS: {
    meaning: 'time limit of a call in milliseconds; the limit of Tratta is 10000',
    default: '5000',
    read: integer(100, 9000),
  },
  JIT_MAX_ANSWER_BYTES: {
    meaning: 'maximum size of a response; a larger one is an error and is not read into memory',
    default: '5000000',
    read: integer(10_000, 100_000_000),
  },
  ALLOWED_CLIENTS: {
    meaning: 'CIDR ranges that may call the JIT route; empty: every client with the secret',
    default: '',
    read: cidrs,
  },
  TRUSTED_PROXIES: {
    meaning: 'CIDR ranges of the proxies whose X-Forwarded-For header is used; empty: none',
    default: '',
    read: cidrs,
  },
  TRATTA_API_URL: {
    meaning: 'URL of the API of Tratta, https://<org-uuid>.production.tratta.io/api/v1',
    read: httpAddress,
  },
  TRATTA_API_ALLOW_HTTP: {
    meaning: 'set to true to allow an http TRATTA_API_URL on another machine, for a simulated Tratta',
    default: 'false',
    read: boolean,
  },
  TRATTA_API_TOKEN: {
    meaning: 'bearer token for the API of Tratta',
    secret: true,
    read: matching(/^[\x21-\x7e]{1,8192}$/, 'a token without spaces'),
  },
  TRATTA_REGISTER: {
    meaning:
      'auto: register once at startup when PUBLIC_URL, TRATTA_API_URL and TRATTA_API_TOKEN are set; off: never',
    default: 'auto',
    read: oneOf('auto', 'off'),
  },
  TRATTA_REQUESTS_PER_MINUTE: {
    meaning: 'rate limit of Tratta for your organization; bulk stays below it',
    default: '300',
    read: integer(1, 1_000_000),
  },
  TRATTA_BULK_BYTES: {
    meaning: 'maximum size of a bulk request in bytes; a request also has at most 1000 rows',
    default: '4000000',
    read: integer(10_000, 100_000_000),
  },
  TRATTA_BULK_WAIT_SECONDS: {
    meaning:
      'seconds between two reads of the errors of a bulk request; Tratta does not report when a request is done',
    default: '30',
    read: integer(0, 3600),
  },
  TRATTA_BULK_MAX_WAIT_SECONDS: {
    meaning:
      'maximum time in seconds for reading the errors of a bulk request; reading ends when two reads agree',
    default: '900',
    read: integer(1, 86_400),
  },
  LOG_LEVEL: {
    meaning: 'log level: trace, debug, info, warn, error, fatal or silent',
    default: 'info',
    read: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
  },
} satisfies Record<string, Setting<unknown>>

type Settings = typeof SETTINGS
export type SettingName = keyof Settings
type Value<Name extends SettingName> = ReturnType<Settings[Name]['read']>
/** Settings with a default value. */
type Defaulted = {
  [Name in SettingName]: Settings[Name] extends { default: string } ? Name : never
}[SettingName]

export type Config<Needed extends SettingName = never> = Readonly<
  { [Name in SettingName]?: Value<Name> } & { [Name in Defaulted | Needed]: Value<Name> }
>

/**
 * Reads the settings. An empty variable counts as not set.
 * @param needed the settings that the command requires
 * @throws {ConfigError} which lists every problem
 */
export function readConfig<Needed extends SettingName = never>(
  environment: NodeJS.ProcessEnv,
  ...needed: Needed[]
): Config<Needed> {
  const { config, problems } = readSettings(environment, needed)
  if (problems.length > 0) throw new ConfigError(problems.map(({ name, is }) => `${name} ${is}`))
  return config as Config<Needed>
}

export interface SettingProblem {
  name: SettingName
  /** A predicate such as "is not set: …". It never contains the value. */
  is: string
}

/** Returns the valid settings, and the problems of the others. */
export function readSettings(environment: NodeJS.ProcessEnv, needed: readonly SettingName[] = []) {
  const problems: SettingProblem[] = []
  const config: Record<string, unknown> = {}
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const { default: fallback, read } = SETTINGS[name] as Setting<unknown>
    try {
      const text = given(name, environment) ?? fallback
      if (text !== undefined) config[name] = read(text)
      else if (needed.includes(name)) problems.push({ name, is: `is not set: ${SETTINGS[name].meaning}` })
    } catch (error) {
      problems.push({ name, is: (error as Error).message })
    }
  }
  const { TRATTA_API_URL, TRATTA_API_ALLOW_HTTP } = config as Config
  if (TRATTA_API_URL && !TRATTA_API_ALLOW_HTTP && isInsecureRemote(TRATTA_API_URL)) {
    delete config.TRATTA_API_URL
    const is = 'must be https, because requests carry the token (or set TRATTA_API_ALLOW_HTTP)'
    problems.push({ name: 'TRATTA_API_URL', is })
  }
  return { config: Object.freeze(config) as Partial<Config>, problems }
}

export function isInsecureRemote(url: string): boolean {
  const { protocol, hostname } = new URL(url)
  return protocol === 'http:' && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
}

function given(name: SettingName, environment: NodeJS.ProcessEnv): string | undefined {
  const text = environment[name] || undefined
  const file = (SETTINGS[name] as Setting<unknown>).secret && environment[`${name}_FILE`]
  if (!file) return text
  if (text !== undefined) throw new Error(`is set twice, also by ${name}_FILE`)
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    throw new Error(
      `cannot be read from the file that ${name}_FILE names (${(error as NodeJS.ErrnoException).code})`,
    )
  }
}

/** Builds a BlockList from CIDR ranges and single addresses. */
export function addressList(ranges: string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', bits] = range.split('/')
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
    list.addSubnet(address, bits === undefined ? (family === 'ipv4' ? 32 : 128) : Number(bits), family)
  }
  return list
}
