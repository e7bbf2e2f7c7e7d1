/** Reads the settings from the environment into a frozen Config. */
import { readFileSync } from 'node:fs'
import { SETTINGS, type Setting, type SettingName, type Settings } from './settings.ts'
import { UserFacingError } from './user-facing-error.ts'

/** Settings are missing or not valid. The message has one line for each, and never contains a value. */
export class ConfigError extends UserFacingError {
  constructor(problems: string[]) {
    super(['The settings are not valid:', ...problems.map((problem) => `  ${problem}`)].join('\n'), {
      exitCode: 2,
    })
  }
}

type Value<Name extends SettingName> = ReturnType<Settings[Name]['read']>
/** Settings with a default value. */
type Defaulted = {
  [Name in SettingName]: Settings[Name] extends { default: string } ? Name : never
}[SettingName]

export type Config<Needed extends SettingName = never> = Readonly<
  { [Name in SettingName]?: Value<Name> } & { [Name in Defaulted | Needed]: Value<Name> }
>

/**
 * Reads the settings. An empty variable or file counts as not set.
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
  const { TLS_CERT_FILE, TLS_KEY_FILE } = config as Config
  if (TLS_CERT_FILE && !TLS_KEY_FILE && !problems.some(({ name }) => name === 'TLS_KEY_FILE'))
    problems.push({ name: 'TLS_KEY_FILE', is: 'is not set, but TLS_CERT_FILE is' })
  if (TLS_KEY_FILE && !TLS_CERT_FILE && !problems.some(({ name }) => name === 'TLS_CERT_FILE'))
    problems.push({ name: 'TLS_CERT_FILE', is: 'is not set, but TLS_KEY_FILE is' })
  return { config: Object.freeze(config) as Partial<Config>, problems }
}

export function isInsecureRemote(url: string): boolean {
  const { protocol, hostname } = new URL(url)
  return protocol === 'http:' && !isLoopback(hostname)
}

/** @param hostname of a URL */
export const isLoopback = (hostname: string) => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)

function given(name: SettingName, environment: NodeJS.ProcessEnv): string | undefined {
  const { secret, alias = name } = SETTINGS[name] as Setting<unknown>
  const text = environment[name] || environment[alias] || undefined
  const file = secret && environment[`${name}_FILE`]
  if (!file) return text
  if (text !== undefined) throw new Error(`is set twice, also by ${name}_FILE`)
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '') || undefined
  } catch (error) {
    throw new Error(
      `cannot be read from the file that ${name}_FILE names (${(error as NodeJS.ErrnoException).code})`,
    )
  }
}
