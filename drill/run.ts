/** `npm run drill`: see README.md. */
import { parseArgs } from 'node:util'
import type { Drill, DrillContext } from './drill.ts'
import { DRILLS } from './drills.ts'
import { isPassed, type Result, resultAsJson, resultsAsTable } from './report.ts'
import { rowOf } from './row.ts'

const HELP = `npm run drill -- [options] [NAME…]

  NAME       run only these drills, in this order
  --list     list the drills and the missing programs
  --short    fewer calls, shorter faults, longer time limits: for CI on a busy machine
  --all      print all expectations, not only those that were not met
  --json     print a JSON line for each drill
  -h, --help

Exit codes: 0 all expectations were met (drills without their program are skipped); 1 not all; 2 usage error.
`

class UsageError extends Error {}

/** The time limit of a drill. */
const LIMIT_MS = 15 * 60_000

const printError = (text: string) => process.stderr.write(text)

/** They run in reverse order. */
const cleanups: (() => unknown)[] = []
/** Rejects at the first signal. */
const interruption = Promise.withResolvers<never>()
interruption.promise.catch(() => {})
let isInterrupted = false

async function cleanUp(): Promise<string[]> {
  const problems: string[] = []
  for (let cleanup = cleanups.pop(); cleanup; cleanup = cleanups.pop())
    try {
      await cleanup()
    } catch (error) {
      // The other cleanups must run too.
      problems.push((error as Error).message)
    }
  return problems
}

async function resultOf(name: string, drill: Drill, short: boolean): Promise<Result> {
  if (drill.needs && !drill.needs.isInstalled()) return { drill: name, needs: drill.needs.program }
  const context: DrillContext = { short, onEnd: (cleanup) => cleanups.push(cleanup) }
  const limit = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => limit.reject(new Error(`did not end within ${LIMIT_MS / 60_000} minutes`)),
    LIMIT_MS,
  )
  let result: Result
  try {
    result = rowOf(name, await Promise.race([drill.run(context), limit.promise, interruption.promise]))
  } catch (error) {
    result = { drill: name, error: (error as Error).message }
  } finally {
    clearTimeout(timer)
  }
  const [problem] = await cleanUp()
  return problem === undefined ? result : { drill: name, error: `the cleanup failed: ${problem}` }
}

function list() {
  const width = Math.max(...Object.keys(DRILLS).map((name) => name.length))
  return Object.entries(DRILLS).map(([name, { description, needs }]) => {
    const lacks = needs && !needs.isInstalled() ? ` [needs ${needs.program}]` : ''
    return `${name.padEnd(width)}  ${description}${lacks}\n`
  })
}

function read(args: string[]) {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        list: { type: 'boolean' },
        short: { type: 'boolean', default: false },
        all: { type: 'boolean', default: false },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    return { ...values, names: positionals }
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

async function run(): Promise<number> {
  const { list: isList, short, all, json, help, names } = read(process.argv.slice(2))
  const unknown = names.find((name) => !Object.hasOwn(DRILLS, name))
  if (unknown !== undefined) throw new UsageError(`There is no drill ${JSON.stringify(unknown)}`)
  if (help || isList) {
    process.stdout.write(help ? HELP : list().join(''))
    return 0
  }
  const results: Result[] = []
  for (const name of names.length > 0 ? names : Object.keys(DRILLS)) {
    if (isInterrupted) break
    printError(`${name} …`)
    const start = performance.now()
    const result = await resultOf(name, DRILLS[name]!, short)
    printError(` ${Math.round((performance.now() - start) / 1000)} s\n`)
    results.push(result)
    if (json) process.stdout.write(`${resultAsJson(result)}\n`)
  }
  if (!json) process.stdout.write(`\n${resultsAsTable(results, { all })}\n`)
  return results.every(isPassed) ? 0 : 1
}

/** The first signal runs the cleanups. The second ends the process at once; child processes end with it. */
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => {
    process.on(signal, () => process.exit(1))
    isInterrupted = true
    interruption.reject(new Error(`stopped by ${signal}`))
  })

run().then(
  (exitCode) => process.exit(exitCode),
  (error) => {
    printError(error instanceof UsageError ? `${error.message}\n\n${HELP}` : `${error.message}\n`)
    process.exit(error instanceof UsageError ? 2 : 1)
  },
)
