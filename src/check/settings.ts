/** Checks the settings, and the TLS of the connection to Postgres. */

import type { Config } from '../config.ts'
import { tlsProblem } from '../database/tls-warning.ts'
import { SETTINGS } from '../settings.ts'
import { type CheckResult, check, errorResult, ok, warning } from './check.ts'

/** Only the registration needs these settings. Calls are answered without them. */
const REGISTRATION_SETTINGS = ['PUBLIC_URL', 'TRATTA_API_URL', 'TRATTA_API_TOKEN'] as const

export const settings = check({
  name: 'settings',
  async run({ config, problems }) {
    const invalid = problems.map(({ name, is }) =>
      errorResult(`${name} ${is}`, `set ${name}, see .env.example`),
    )
    const missing = REGISTRATION_SETTINGS.filter(
      (name) => config[name] === undefined && !problems.some((problem) => problem.name === name),
    )
    const notSet = missing.map((name) =>
      warning(`${name} is not set: ${SETTINGS[name].meaning}`, 'set it: the registration at Tratta needs it'),
    )
    const results = [
      ...invalid,
      ...notSet,
      ...repeatedSecrets(config),
      ...(await insecureDatabase(config.DATABASE_URL)),
    ]
    return results.length > 0 ? results : [ok('all required settings are set, and all settings are valid')]
  },
})

/** A value that was not changed in the last rotation. */
function repeatedSecrets({ JIT_SECRET, JIT_SECRET_NEXT, JIT_SECRET_PREVIOUS }: Partial<Config>) {
  if (JIT_SECRET_NEXT === undefined) return []
  const others = Object.entries({ JIT_SECRET, JIT_SECRET_PREVIOUS })
  return others
    .filter(([, secret]) => secret === JIT_SECRET_NEXT)
    .map(([name]) =>
      warning(
        `JIT_SECRET_NEXT has the same value as ${name}`,
        'set it to a new secret: openssl rand -hex 32',
      ),
    )
}

async function insecureDatabase(databaseUrl: string | undefined): Promise<CheckResult[]> {
  if (databaseUrl === undefined) return []
  // The check of the database reports a host that cannot be resolved.
  const problem = await tlsProblem(databaseUrl).catch(() => undefined)
  if (!problem) return []
  const { message, remedy, isPublic } = problem
  return [(isPublic ? errorResult : warning)(message, remedy)]
}
