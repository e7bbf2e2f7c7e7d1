/** Runs all checks, in the order of the output. */
import { once } from 'node:events'
import { readSettings } from '../config.ts'
import { describeError } from '../log.ts'
import { type Check, type Context, errorFinding, type Finding } from './check.ts'
import { clocks } from './clocks.ts'
import { customers, data, parents } from './data.ts'
import { connections, database, destroyConnections, migrations } from './database.ts'
import { indexes } from './indexes.ts'
import { lookup } from './lookup.ts'
import { pooler } from './pooler.ts'
import { certificate, publicUrl } from './public-url.ts'
import { relations, rights } from './relations.ts'
import { settings } from './settings.ts'
import { registration, token } from './tratta.ts'
import { rows } from './unreadable-rows.ts'

const CHECKS: Check[] = [
  settings,
  database,
  connections,
  pooler,
  migrations,
  relations,
  rights,
  indexes,
  rows,
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

/** The check that yields each result. */
const SOURCE_CHECKS = {
  pool: 'database',
  relations: 'relations',
  readable: 'rights',
  unreadable: 'rows',
  pass: 'data',
} as const

/** The time limit of a check. A statement on a slow view can take hours. */
const CHECK_MS = 60_000
const PASS_MS = 10 * 60_000

/**
 * Yields each finding as soon as its check has ended. A check that cannot run is skipped.
 * @param checkMs the time limit of a check that does not read all rows
 * @param passMs the time limit of a check that reads all rows
 */
export async function* runChecks(
  environment: NodeJS.ProcessEnv,
  {
    isQuick,
    showProgress,
    checkMs = CHECK_MS,
    passMs = PASS_MS,
  }: Pick<Context, 'isQuick' | 'showProgress'> & { checkMs?: number; passMs?: number },
): AsyncGenerator<Finding & { check: string }> {
  const context: Context = {
    ...readSettings(environment, ['DATABASE_URL', 'JIT_SECRET']),
    isQuick,
    showProgress,
    signal: AbortSignal.abort(),
    clocks: [],
  }
  try {
    for (const check of CHECKS)
      for (const found of await runOne(check, context, check.isPass ? passMs : checkMs))
        yield { check: check.name, ...found }
  } finally {
    await context.pool?.end()
  }
}

async function runOne(check: Check, context: Context, limitMs: number): Promise<Finding[]> {
  const skipReason = skipReasonOf(check, context)
  if (skipReason) return [{ state: 'skipped', message: skipReason }]
  context.signal = AbortSignal.timeout(limitMs)
  const expired = once(context.signal, 'abort').then((): Finding[] => {
    if (context.pool) destroyConnections(context.pool)
    return [
      errorFinding(
        `did not end within ${limitMs / 1000} s and was canceled`,
        'create the missing indexes, or simplify the views; `--quick` does not read all rows',
      ),
    ]
  })
  try {
    return await Promise.race([check.run(context), expired])
  } catch (error) {
    if (context.signal.aborted) return expired
    const { type, code, message = code ?? type } = describeError(error)
    return [errorFinding(`ended early: ${message}`, 'correct this, and run `tratta-jit check` again')]
  }
}

function skipReasonOf(
  { needs, settings, isPass }: Check,
  { isQuick, config, ...results }: Context,
): string | undefined {
  const missing = settings.find((name) => config[name] === undefined)
  if (missing) return `needs ${missing}`
  if (isPass && isQuick) return 'omitted by --quick'
  const absent = needs.find((need) => results[need] === undefined)
  return absent && `needs the result of ${SOURCE_CHECKS[absent]}`
}
