import { ConfigError } from '../config.ts'
import { nearestName } from '../nearest-name.ts'
import { SETTINGS } from '../settings.ts'

/** Prefixes that only our settings use. */
const OUR_PREFIXES = /^(DATABASE|JIT|TRATTA|ADMIN|PUBLIC|ALLOWED|TRUSTED|CALL_LOG|CONSOLE)_/
const MAX_EDITS = 2

/**
 * Finds misspelled settings: without an error their defaults would apply. A variable counts as misspelled when its
 * name is similar to the name of a setting that is not set.
 * @throws {ConfigError}
 */
export function checkSettingNames(environment: NodeJS.ProcessEnv) {
  const names = Object.entries(SETTINGS).flatMap(([name, setting]) =>
    'secret' in setting ? [name, `${name}_FILE`] : [name],
  )
  const unset = names.filter((name) => !environment[name])
  const problems = Object.keys(environment).flatMap((name) => {
    if (names.includes(name) || !OUR_PREFIXES.test(name)) return []
    const nearest = nearestName(name, unset, MAX_EDITS)
    return nearest ? `${name} is not a setting: did you mean ${nearest}?` : []
  })
  if (problems.length > 0) throw new ConfigError(problems)
}
