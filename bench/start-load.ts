import { fork } from 'node:child_process'
import { join } from 'node:path'
import { TIMEOUT_MS } from './connection.ts'
import type { Measured, Measurement } from './load.ts'

export interface Load {
  /** Only one measurement at a time. Rejects when it does not end in time. */
  measure(measurement: Measurement): Promise<Measured>
  stop(): void
}

const SLACK_MS = 15_000

/** Starts the process that sends the calls. It ends when this process ends. */
export async function startLoad(): Promise<Load> {
  const child = fork(join(import.meta.dirname, 'load.ts'))
  return {
    measure(measurement) {
      const { promise, resolve, reject } = Promise.withResolvers<Measured>()
      const timeoutMs = (measurement.warmUpSeconds + measurement.seconds) * 1000 + TIMEOUT_MS + SLACK_MS
      const timer = setTimeout(() => reject(new Error('a measurement did not end in time')), timeoutMs)
      const failed = () => reject(new Error('the process that sends the calls has ended'))
      child.once('message', resolve)
      child.once('exit', failed)
      child.send(measurement)
      return promise.finally(() => {
        clearTimeout(timer)
        child.off('message', resolve)
        child.off('exit', failed)
      })
    },
    stop() {
      child.kill('SIGKILL')
    },
  }
}
