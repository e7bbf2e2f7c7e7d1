/** Runs all checks, in the order of the output. */
import { once } from 'node:events'
import { readSettings } from '../config.ts'
import { describeError } from '../log.ts'
import { balances } from './balances.ts'
import { type Check, type CheckResult, type Context, errorResult, type Progress, skipped } from './check.ts'
import { clocks } from './clocks.ts'
import { customers, data, parents } from './data.ts'
import { connections, database, destroyConnections, migrations } from './database.ts'
import { ids } from './ids.ts'
import { indexes } from './indexes.ts'
import { lookup } from './lookup.ts'
import { pooler } from './pooler.ts'
import { privileges } from './privileges.ts'
import { certificate, publicUrl } from './public-url.ts'
import { readings } from './readings.ts'
import { relations } from './relations.ts'
import { settings } from './settings.ts'
import { registration, token } from './tratta.ts'
import { unique } from './unique.ts'
import { rows } from './unreadable-rows.ts'

const CHECKS: Check[] = [
  settings,
  database,
  connections,
  pooler,
  migrations,
  readings,
  relations,
  privileges,
  indexes,
  rows,
  lookup,
  data,
  customers,
  parents,
  unique,
  balances,
  ids,
  publicUrl,
  certificate,
  token,
  registration,
  clocks,
]

/** The check that provides each dependency. */
const PROVIDERS = {
  pool: 'database',
  relations: 'relations',
  readable: 'privileges',
  unreadable: 'rows',
  scan: 'data',
  readings: 'readings',
} as const

/** Time limits of a check. A statement on a slow view can take hours. */
const CHECK_MS = 60_000
const FULL_SCAN_MS = 10 * 60_000

interface RunOptions {
  /** Whether to omit the checks that read all rows. */
  isQuick: boolean
  /** Shows the progress of a check. @returns a function that ends the display */
  showProgress(fields: Progress['fields'], line: Progress['line']): () => void
  /** The time limit of a check that does not read all rows. */
  checkMs?: number
  /** The time limit of a check that reads all rows. */
  fullScanMs?: number
}

/** Yields the results of each check as soon as the check has ended. A check that cannot run is skipped. */
export async function* runChecks(
  environment: NodeJS.ProcessEnv,
  { isQuick, showProgress, checkMs = CHECK_MS, fullScanMs = FULL_SCAN_MS }: RunOptions,
): AsyncGenerator<CheckResult & { check: string }> {
  const context: Context = {
    ...readSettings(environment, ['DATABASE_URL', 'JIT_SECRET']),
    isQuick,
    progress: undefined,
    signal: AbortSignal.abort(),
    clocks: [],
  }
  try {
    for (const check of CHECKS) {
      const { name } = check
      context.progress = undefined
      const endProgress = showProgress(
        (seconds) => ({ check: name, ...context.progress?.fields(seconds) }),
        (seconds) => `${name}: ${context.progress?.line(seconds) ?? `${Math.floor(seconds)} s`}`,
      )
      const results = await runOne(check, context, check.readsAllRows ? fullScanMs : checkMs).finally(
        endProgress,
      )
      for (const result of results) yield { check: name, ...result }
    }
  } finally {
    await context.pool?.end()
  }
}

async function runOne(check: Check, context: Context, limitMs: number): Promise<CheckResult[]> {
  const skipReason = skipReasonOf(check, context)
  if (skipReason) return [skipped(skipReason)]
  context.signal = AbortSignal.timeout(limitMs)
  const expired = once(context.signal, 'abort').then((): CheckResult[] => {
    if (context.pool) destroyConnections(context.pool)
    return [
      errorResult(
        `did not finish within ${limitMs / 1000} s and was canceled`,
        'create the missing indexes, or simplify the views; `--quick` does not read all rows',
      ),
    ]
  })
  try {
    return await Promise.race([check.run(context), expired])
  } catch (error) {
    if (context.signal.aborted) return expired
    const { type, code, message = code ?? type } = describeError(error)
    return [errorResult(`stopped: ${message}`, 'fix this error, and run `tratta-jit check` again')]
  }
}

function skipReasonOf(
  { needs, settings, readsAllRows }: Check,
  { isQuick, config, ...results }: Context,
): string | undefined {
  const missing = settings.find((name) => config[name] === undefined)
  if (missing) return `needs ${missing}`
  if (readsAllRows && isQuick) return 'omitted by --quick'
  const absent = needs.find((need) => results[need] === undefined)
  return absent && `needs the result of ${PROVIDERS[absent]}`
}
