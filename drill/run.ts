/** `npm run drill`: see README.md. */
import { parseArgs } from 'node:util'
import type { Drill, Scene } from './drill.ts'
import { DRILLS } from './drills.ts'
import { isMet, type Result, resultAsJson, resultsAsTable } from './report.ts'
import { rowOf } from './row.ts'

const HELP = `npm run drill -- [options] [NAME…]

  NAME       these drills only, in this order; without a name, all of them
  --list     what there is, and what this machine lacks for it
  --short    fewer calls, shorter faults, wider bounds on time: for CI on a busy machine
  --all      says all that was expected and seen, not only what was not met
  --json     one line of JSON a drill
  -h, --help

Exit codes: 0 all as expected (what could not be run is shown as skipped); 1 not so; 2 wrong use.
`

class WrongUse extends Error {}

/** No drill takes longer, or it hangs. */
const LIMIT_MS = 15 * 60_000

const say = (text: string) => process.stderr.write(text)

/** What is to be ended, in reverse order. */
const closers: (() => unknown)[] = []
/** Rejects with the first signal. */
const interruption = Promise.withResolvers<never>()
interruption.promise.catch(() => {})
let isInterrupted = false

async function closeAll(): Promise<string[]> {
  const problems: string[] = []
  for (let close = closers.pop(); close; close = closers.pop())
    try {
      await close()
    } catch (error) {
      // The others must end too.
      problems.push((error as Error).message)
    }
  return problems
}

async function resultOf(name: string, drill: Drill, short: boolean): Promise<Result> {
  if (drill.needs && !drill.needs.isThere()) return { drill: name, needs: drill.needs.what }
  const scene: Scene = { short, closing: (end) => closers.push(end) }
  const limit = Promise.withResolvers<never>()
  const timer = setTimeout(() => limit.reject(new Error('it does not end')), LIMIT_MS)
  let result: Result
  try {
    result = rowOf(name, await Promise.race([drill.run(scene), limit.promise, interruption.promise]))
  } catch (error) {
    result = { drill: name, error: (error as Error).message }
  } finally {
    clearTimeout(timer)
  }
  const [problem] = await closeAll()
  return problem === undefined ? result : { drill: name, error: `something is left: ${problem}` }
}

function list() {
  const width = Math.max(...Object.keys(DRILLS).map((name) => name.length))
  return Object.entries(DRILLS).map(([name, { does, needs }]) => {
    const lacks = needs && !needs.isThere() ? ` [needs ${needs.what}]` : ''
    return `${name.padEnd(width)}  ${does}${lacks}\n`
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
    throw new WrongUse((error as Error).message)
  }
}

async function run(): Promise<number> {
  const { list: isList, short, all, json, help, names } = read(process.argv.slice(2))
  const unknown = names.find((name) => !Object.hasOwn(DRILLS, name))
  if (unknown !== undefined) throw new WrongUse(`There is no drill ${JSON.stringify(unknown)}`)
  if (help || isList) {
    process.stdout.write(help ? HELP : list().join(''))
    return 0
  }
  const results: Result[] = []
  for (const name of names.length > 0 ? names : Object.keys(DRILLS)) {
    if (isInterrupted) break
    say(`${name} …`)
    const begun = performance.now()
    const result = await resultOf(name, DRILLS[name]!, short)
    say(` ${Math.round((performance.now() - begun) / 1000)} s\n`)
    results.push(result)
    if (json) process.stdout.write(`${resultAsJson(result)}\n`)
  }
  if (!json) process.stdout.write(`\n${resultsAsTable(results, { all })}\n`)
  return results.every(isMet) ? 0 : 1
}

/** The first ends all in order; the second is not waited for: what was started ends with us anyway. */
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => {
    process.on(signal, () => process.exit(1))
    isInterrupted = true
    interruption.reject(new Error(`ended by ${signal}`))
  })

run().then(
  (exitCode) => process.exit(exitCode),
  (error) => {
    say(error instanceof WrongUse ? `${error.message}\n\n${HELP}` : `${error.message}\n`)
    process.exit(error instanceof WrongUse ? 2 : 1)
  },
)
