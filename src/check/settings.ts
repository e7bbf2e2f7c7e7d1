/** Checks the settings, and the TLS of the connection to Postgres. */

import { tlsProblem } from '../database/tls-warning.ts'
import { SETTINGS } from '../settings.ts'
import { check, errorFinding, type Finding, ok, warning } from './check.ts'

/** Only the registration needs these settings. Calls are answered without them. */
const FOR_TRATTA = ['PUBLIC_URL', 'TRATTA_API_URL', 'TRATTA_API_TOKEN'] as const

export const settings = check({
  name: 'settings',
  async run({ config, problems }) {
    const invalid = problems.map(({ name, is }) =>
      errorFinding(`${name} ${is}`, `set ${name}, see .env.example`),
    )
    const missing = FOR_TRATTA.filter(
      (name) => config[name] === undefined && !problems.some((problem) => problem.name === name),
    )
    const notSet = missing.map((name) =>
      warning(
        `${name} is not set: ${SETTINGS[name].meaning}`,
        'set it, so that the URL can be registered at Tratta',
      ),
    )
    const found = [...invalid, ...notSet, ...(await insecureDatabase(config.DATABASE_URL))]
    return found.length > 0 ? found : [ok('all required settings are set, and all settings are valid')]
  },
})

async function insecureDatabase(databaseUrl: string | undefined): Promise<Finding[]> {
  if (databaseUrl === undefined) return []
  // The check of the database reports a host that cannot be resolved.
  const problem = await tlsProblem(databaseUrl).catch(() => undefined)
  if (!problem) return []
  const { message, remedy, isPublic } = problem
  return [(isPublic ? errorFinding : warning)(message, remedy)]
}
