/** The settings, and the address at which Postgres is. */

import { SETTINGS } from '../config.ts'
import { tlsProblem } from '../database/tls-warning.ts'
import { check, errorFinding, type Finding, ok, warning } from './check.ts'

/** Without these calls are answered all the same. */
const FOR_TRATTA = ['PUBLIC_URL', 'TRATTA_API_URL', 'TRATTA_API_TOKEN'] as const

export const settings = check({
  name: 'settings',
  async run({ config, problems }) {
    const wrong = problems.map(({ name, is }) =>
      errorFinding(`${name} ${is}`, `set ${name}, see .env.example`),
    )
    const missing = FOR_TRATTA.filter(
      (name) => config[name] === undefined && !problems.some((problem) => problem.name === name),
    )
    const notSet = missing.map((name) =>
      warning(
        `${name} is not set: ${SETTINGS[name].meaning}`,
        'set it, or Tratta cannot be told where we are',
      ),
    )
    const found = [...wrong, ...notSet, ...(await insecureDatabase(config.DATABASE_URL))]
    return found.length > 0 ? found : [ok('all that are needed are set, and all that are set are right')]
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
