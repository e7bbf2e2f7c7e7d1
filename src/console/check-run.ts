/** Runs `check` in a worker thread: a full check reads and validates all rows, and must not delay calls. */
import { Worker } from 'node:worker_threads'
import type { CheckResult } from '../check/check.ts'

export type NamedResult = CheckResult & { check: string }

export type CheckMessage = { result: NamedResult } | { progress: string }

export interface CheckRun {
  isQuick: boolean
  startedAt: Date
  endedAt: Date | undefined
  /** The check that is running, and how far it is. */
  progress: string
  results: NamedResult[]
  end: 'running' | 'finished' | 'canceled' | 'failed'
}

/** Less than the main thread has: a check must not take the memory of calls. */
const MAX_HEAP_MB = 256

interface CheckRunner {
  readonly last: CheckRun | undefined
  /** Does nothing while a check is running. */
  start(isQuick: boolean): void
  /** Closes the connections of the check, so that Postgres cancels its statements. */
  cancel(): Promise<void>
}

/** One check at a time. */
export function createCheckRunner(environment: NodeJS.ProcessEnv): CheckRunner {
  let last: CheckRun | undefined
  let worker: Worker | undefined
  return {
    get last() {
      return last
    },
    start(isQuick) {
      if (worker) return
      const run: CheckRun = {
        isQuick,
        startedAt: new Date(),
        endedAt: undefined,
        progress: '',
        results: [],
        end: 'running',
      }
      last = run
      worker = new Worker(new URL('check-worker.ts', import.meta.url), {
        workerData: { isQuick },
        env: environment,
        resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
      })
      worker.on('message', (message: CheckMessage) => {
        if ('result' in message) run.results.push(message.result)
        else run.progress = message.progress
      })
      worker.on('error', () => {
        run.end = 'failed'
      })
      worker.on('exit', (exitCode) => {
        worker = undefined
        run.endedAt = new Date()
        if (run.end === 'running') run.end = exitCode === 0 ? 'finished' : 'failed'
      })
    },
    async cancel() {
      if (worker && last) {
        last.end = 'canceled'
        await worker.terminate()
      }
    },
  }
}
