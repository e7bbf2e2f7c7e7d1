/** All checks, in the order in which they are shown, and their running. */
import { readSettings } from '../config.ts'
import { describeError } from '../log.ts'
import { type Check, type Context, type Finding, failure } from './check.ts'
import { clocks } from './clocks.ts'
import { customers, data, parents } from './data.ts'
import { connections, database, migrations } from './database.ts'
import { lookup } from './lookup.ts'
import { pooler } from './pooler.ts'
import { certificate, publicUrl } from './public-url.ts'
import { relations, rights } from './relations.ts'
import { settings } from './settings.ts'
import { registration, token } from './tratta.ts'

const CHECKS: Check[] = [
  settings,
  database,
  connections,
  pooler,
  migrations,
  relations,
  rights,
  lookup,
  data,
  customers,
  parents,
  publicUrl,
  certificate,
  token,
  registration,
  clocks,
]

/** Which check finds out what others need. */
const FOUND_BY = { pool: 'database', relations: 'relations', readable: 'rights', pass: 'data' } as const

/** Gives what it finds as it comes. A check that cannot run is skipped, the others run all the same. */
export async function* runChecks(
  environment: NodeJS.ProcessEnv,
  { isQuick, showProgress }: Pick<Context, 'isQuick' | 'showProgress'>,
): AsyncGenerator<Finding & { check: string }> {
  const context: Context = {
    ...readSettings(environment, ['DATABASE_URL', 'JIT_SECRET']),
    isQuick,
    showProgress,
    clocks: [],
  }
  try {
    for (const check of CHECKS)
      for (const found of await runOne(check, context)) yield { check: check.name, ...found }
  } finally {
    await context.pool?.end()
  }
}

async function runOne(check: Check, context: Context): Promise<Finding[]> {
  const without = whyNot(check, context)
  if (without) return [{ state: 'skipped', said: without }]
  try {
    return await check.run(context)
  } catch (error) {
    const { type, code, message = code ?? type } = describeError(error)
    return [failure(`it broke off: ${message}`, 'mend what it says, and check again')]
  }
}

function whyNot(
  { needs, settings, isPass }: Check,
  { isQuick, config, ...known }: Context,
): string | undefined {
  const missing = settings.find((name) => config[name] === undefined)
  if (missing) return `needs ${missing}`
  if (isPass && isQuick) return 'left out by --quick'
  const unknown = needs.find((need) => known[need] === undefined)
  return unknown && `needs what ${FOUND_BY[unknown]} would tell`
}
