/** The worker thread of check-run.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import { runChecks } from '../check/run-checks.ts'
import type { CheckMessage } from './check-run.ts'

const PROGRESS_MS = 500

const send = (message: CheckMessage) => parentPort!.postMessage(message)
const { isQuick } = workerData as { isQuick: boolean }

for await (const result of runChecks(process.env, {
  isQuick,
  showProgress(_fields, line) {
    const start = performance.now()
    const show = () => send({ progress: line((performance.now() - start) / 1000) })
    show()
    const timer = setInterval(show, PROGRESS_MS)
    return () => clearInterval(timer)
  },
}))
  send({ result })
