/** Measures the servers in turns, so that other work on the machine affects all of them. */
import type { Measured } from './load.ts'
import { median } from './median.ts'
import type { Options } from './options.ts'
import type { Progress } from './progress.ts'
import { BASELINE } from './servers.ts'
import type { Load } from './start-load.ts'
import type { RunningServer } from './start-server.ts'

export interface Result {
  server: string
  /** One for each round. */
  rounds: Measured[]
  /** The median over all rounds of: calls per second / calls per second of the baseline. */
  ratio: number
  /** In megabytes of 1024²; undefined if the platform does not report it. */
  peakMemory: number | undefined
}

/** The warm-up before the first round: enough for Node to compile hot functions. */
const FIRST_WARM_UP_SECONDS = 6
const WARM_UP_SECONDS = 2

export async function measureInRounds(
  servers: RunningServer[],
  load: Load,
  { accounts: [accounts = 0], rounds, seconds, connections, rate }: Options,
  progress: Progress,
): Promise<Result[]> {
  const measure = (server: RunningServer, round: number, warmUpSeconds: number, seconds: number) =>
    load.measure({
      ...{ server: server.name, url: server.url, accounts, seed: round },
      ...{ warmUpSeconds, seconds, connections, rate },
    })
  const totalMs = servers.length * (FIRST_WARM_UP_SECONDS + rounds * (WARM_UP_SECONDS + seconds)) * 1000
  const started = performance.now()
  const ticking = setInterval(() => {
    progress.show('measuring', Math.min((performance.now() - started) / totalMs, 1))
  }, 500)
  try {
    const measured = new Map<string, Measured[]>(servers.map(({ name }) => [name, []]))
    for (const server of servers) await measure(server, 0, FIRST_WARM_UP_SECONDS, 0)
    for (let round = 1; round <= rounds; round++)
      for (const server of servers) {
        const result = await measure(server, round, WARM_UP_SECONDS, seconds)
        measured.get(server.name)?.push(result)
        const perSecond = Math.round(result.callsPerSecond).toLocaleString('en')
        progress.print(`round ${round} of ${rounds}: ${server.name} ${perSecond} calls/s`)
      }
    const baseline = measured.get(BASELINE) ?? []
    return servers.map((server) => {
      const own = measured.get(server.name) ?? []
      const ratios = own.map(({ callsPerSecond }, round) => callsPerSecond / baseline[round]!.callsPerSecond)
      return { server: server.name, rounds: own, ratio: median(ratios), peakMemory: server.peakMemory() }
    })
  } finally {
    clearInterval(ticking)
  }
}
