/**
 * The settings: environment -> frozen Config. One table says all there is to say about a setting; the
 * types, the check, `--help` and the test of `.env.example` come from it.
 */
import { readFileSync } from 'node:fs'
import { BlockList, isIP } from 'node:net'
import { readDatabaseUrl } from './database-url.ts'

/** Wrong settings, all of them: the message has one line for each. It never holds a value. */
export class ConfigError extends Error {
  constructor(problems: string[]) {
    super(['The settings are wrong:', ...problems.map((problem) => `  ${problem}`)].join('\n'))
  }
}

interface Setting<Value> {
  meaning: string
  /** As it would be written in the environment. */
  default?: string
  /** May be read from the file that NAME_FILE names. */
  secret?: true
  /** @throws {Error} that says what it must be, never what it is. */
  read(text: string): Value
}

function must(holds: boolean, be: string): asserts holds {
  if (!holds) throw new Error(`must be ${be}`)
}

const integer = (least: number, most: number) => (text: string) => {
  const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  must(number >= least && number <= most, `a whole number from ${least} to ${most}`)
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

/** An address at which one party reaches the other, without a trailing slash. */
const httpAddress = (text: string) => {
  const url = URL.parse(text)
  must(
    url !== null &&
      ['http:', 'https:'].includes(url.protocol) &&
      url.username + url.password + url.search + url.hash === '',
    'an http(s) address without user, query and fragment',
  )
  return text.replace(/[/?#]+$/, '')
}

const secret = matching(/^[A-Za-z0-9._~-]{32,200}$/, '32 to 200 characters, all of them A-Z a-z 0-9 . _ ~ -')

/** @returns the ranges as they are written, each known to be one. */
const cidrs = (text: string) => {
  const ranges = text.split(',').flatMap((range) => range.trim() || [])
  for (const range of ranges) {
    const [address = '', bits, ...rest] = range.split('/')
    const most = isIP(address) === 4 ? 32 : 128
    const fits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most)
    must(isIP(address) > 0 && fits && rest.length === 0, 'a comma-separated list of addresses or CIDR ranges')
  }
  return ranges
}

export const SETTINGS = {
  DATABASE_URL: {
    meaning: 'Postgres, postgres://user:password@host:port/database',
    secret: true,
    read: readDatabaseUrl,
  },
  DATABASE_SCHEMA: {
    meaning: 'where debt_accounts, customers and locations are read: our tables, or views over your own',
    default: 'tratta_jit',
    read: matching(/^[^\p{Cc}]{1,63}$/u, 'the name of a schema'),
  },
  DATABASE_POOL_SIZE: {
    meaning: 'connections to Postgres at most',
    default: '10',
    read: integer(1, 1000),
  },
  DATABASE_PREPARED_STATEMENTS: {
    meaning: 'false behind a PgBouncer older than 1.21 in transaction mode',
    default: 'true',
    read: boolean,
  },
  HOST: {
    meaning: 'where Tratta reaches us',
    default: '0.0.0.0',
    read: matching(/^\S+$/, 'an address or a name'),
  },
  PORT: {
    meaning: 'what Tratta reaches: the JIT route and health, nothing else',
    default: '8080',
    read: integer(0, 65535),
  },
  ADMIN_HOST: {
    meaning: 'where operators reach us',
    default: '127.0.0.1',
    read: matching(/^\S+$/, 'an address or a name'),
  },
  ADMIN_PORT: {
    meaning: 'what operators reach: health, metrics, the API description',
    default: '9090',
    read: integer(0, 65535),
  },
  PUBLIC_URL: {
    meaning: 'the address at which Tratta reaches PORT, like https://jit.agency.example',
    read: httpAddress,
  },
  JIT_SECRET: {
    meaning: 'part of the URL that is registered at Tratta, at least 32 URL-safe characters',
    secret: true,
    read: secret,
  },
  JIT_SECRET_PREVIOUS: {
    meaning: 'the secret before, valid too during a rotation',
    secret: true,
    read: secret,
  },
  JIT_DEADLINE_MS: {
    meaning: 'every call is answered within this many milliseconds (Tratta gives up after 10000)',
    default: '5000',
    read: integer(100, 9000),
  },
  JIT_MAX_ANSWER_BYTES: {
    meaning: 'a larger answer is an error, and is never read into memory',
    default: '5000000',
    read: integer(10_000, 100_000_000),
  },
  ALLOWED_CLIENTS: {
    meaning: 'who may call the JIT route, as CIDR ranges; empty: everybody who knows the secret',
    default: '',
    read: cidrs,
  },
  TRUSTED_PROXIES: {
    meaning: 'whose X-Forwarded-For is believed, as CIDR ranges; empty: nobody',
    default: '',
    read: cidrs,
  },
  TRATTA_API_URL: {
    meaning: 'https://<org-uuid>.production.tratta.io/api/v1',
    read: httpAddress,
  },
  TRATTA_API_ALLOW_HTTP: {
    meaning: 'true allows an http TRATTA_API_URL to other machines, for a simulated Tratta',
    default: 'false',
    read: boolean,
  },
  TRATTA_API_TOKEN: {
    meaning: "the bearer token for Tratta's API",
    secret: true,
    read: matching(/^[\x21-\x7e]{1,8192}$/, 'the token as Tratta gave it, without spaces'),
  },
  TRATTA_REGISTER: {
    meaning:
      'auto: registers once at start-up when PUBLIC_URL, TRATTA_API_URL and TRATTA_API_TOKEN are set; off: never',
    default: 'auto',
    read: oneOf('auto', 'off'),
  },
  TRATTA_REQUESTS_PER_MINUTE: {
    meaning: 'rate limit of Tratta for this organization; bulk stays below it',
    default: '300',
    read: integer(1, 1_000_000),
  },
  TRATTA_BULK_BYTES: {
    meaning: 'largest bulk request; a request also has at most 1000 rows',
    default: '4000000',
    read: integer(10_000, 100_000_000),
  },
  TRATTA_BULK_WAIT_SECONDS: {
    meaning:
      'seconds between the readings of the errors of a bulk request: Tratta does not report when it is done',
    default: '30',
    read: integer(0, 3600),
  },
  TRATTA_BULK_MAX_WAIT_SECONDS: {
    meaning: 'the errors of a bulk request are read until two readings agree, at most for this time',
    default: '900',
    read: integer(1, 86_400),
  },
  LOG_LEVEL: {
    meaning: 'trace, debug, info, warn, error, fatal or silent',
    default: 'info',
    read: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
  },
} satisfies Record<string, Setting<unknown>>

type Settings = typeof SETTINGS
export type SettingName = keyof Settings
type Value<Name extends SettingName> = ReturnType<Settings[Name]['read']>
/** Settings that stand without being set. */
type Defaulted = {
  [Name in SettingName]: Settings[Name] extends { default: string } ? Name : never
}[SettingName]

export type Config<Needed extends SettingName = never> = Readonly<
  { [Name in SettingName]?: Value<Name> } & { [Name in Defaulted | Needed]: Value<Name> }
>

/**
 * Reads the settings. An empty one counts as not set.
 * @param needed settings without which the command at hand cannot do its work
 * @throws {ConfigError} that names every problem
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
  /** What is wrong about it, never what it is. */
  is: string
}

/** The settings that are right, and what is wrong about the others. */
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
    const is = 'must be https: the token goes along (or set TRATTA_API_ALLOW_HTTP)'
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

/** CIDR ranges, or single addresses, as something that can be asked. */
export function addressList(ranges: string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', bits] = range.split('/')
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
    list.addSubnet(address, bits === undefined ? (family === 'ipv4' ? 32 : 128) : Number(bits), family)
  }
  return list
}
