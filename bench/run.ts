/** `npm run bench`: see README.md. */
import { checkAnswers } from './check-answers.ts'
import { externalIdOf } from './data-set.ts'
import { openDataSets } from './database.ts'
import { type DataSet, measureLookup } from './lookup.ts'
import { HELP, type Options, readOptions, UsageError } from './options.ts'
import { createProgress } from './progress.ts'
import { describeMachine, lookupAsJson, lookupAsTable, resultsAsJson, resultsAsTable } from './report.ts'
import { measureInRounds } from './rounds.ts'
import { programs } from './servers.ts'
import { startLoad } from './start-load.ts'
import { type RunningServer, startServer } from './start-server.ts'

const progress = createProgress()
/** They run in reverse order. */
const cleanups: (() => unknown)[] = []
let isStopping = false

async function bench(options: Options): Promise<string> {
  const machineBefore = describeMachine()
  const dataSets = await open(openDataSets(options.keep, progress), ({ close }) => close())
  const machine = { ...machineBefore, postgres: dataSets.version }
  const provided: DataSet[] = []
  for (const accounts of options.accounts) provided.push({ accounts, url: await dataSets.provide(accounts) })
  if (options.lookup) {
    const times = await measureLookup(provided, options, progress)
    return options.json ? lookupAsJson(times, machine).join('\n') : lookupAsTable(times, machine)
  }

  const [{ accounts, url }] = provided as [DataSet]
  const servers: RunningServer[] = []
  for (const program of programs()) {
    // The first start after `npm ci` compiles TypeScript. The image has been compiled when it is built.
    if (program.name === 'responder') await (await startServer(program, url, externalIdOf(1))).terminate()
    const starting = startServer(program, url, externalIdOf(1))
    servers.push(await open(starting, ({ stop }) => stop()))
  }
  for (const other of options.otherServers)
    servers.push({ ...other, peakMemory: () => undefined, stop: async () => {}, terminate: async () => {} })
  for (const server of servers) await checkAnswers(server.name, server.url, accounts)
  const load = await open(startLoad(), ({ stop }) => stop())
  const results = await measureInRounds(servers, load, options, progress)
  return options.json
    ? resultsAsJson(results, options, machine).join('\n')
    : resultsAsTable(results, options, machine)
}

/** Registers the cleanup of a resource, also if the benchmark stops before the resource is open. */
async function open<Resource>(
  opening: Promise<Resource>,
  end: (resource: Resource) => unknown,
): Promise<Resource> {
  cleanups.push(async () => {
    const resource = await opening.catch(() => undefined)
    if (resource) await end(resource)
  })
  const resource = await opening
  if (isStopping) throw new Error('the benchmark was stopped')
  return resource
}

async function cleanUp() {
  isStopping = true
  for (const cleanup of cleanups.reverse())
    try {
      await cleanup()
    } catch (error) {
      // The other cleanups must run too.
      progress.print(String(error))
      process.exitCode = 1
    }
}

/** Rejects at the first signal. The second ends the process at once. */
function interrupted() {
  return new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => {
        process.on(signal, () => process.exit(1))
        reject(new Error(`stopped by ${signal}`))
      })
  })
}

async function run(): Promise<number> {
  try {
    const options = readOptions(process.argv.slice(2), process.env)
    if (!options) process.stdout.write(HELP)
    else {
      try {
        const report = await Promise.race([bench(options), interrupted()])
        progress.clear()
        process.stdout.write(`${report}\n`)
      } finally {
        await cleanUp()
      }
    }
    return 0
  } catch (error) {
    const { message } = error as Error
    progress.print(error instanceof UsageError ? `${message}\n\n${HELP}` : message)
    return error instanceof UsageError ? 2 : 1
  }
}

process.exit((await run()) || process.exitCode)
