/** The service as in production: a separate process with a log file, used only through its ports. */
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { EmbeddedPostgres } from '../src/development/embedded-postgres.ts'
import { freePort, type RunningProcess, startChildProcess } from '../test/support/child-process.ts'
import type { DrillContext } from './drill.ts'

const CHECKOUT = join(import.meta.dirname, '..')
const SECRET = 'this-secret-is-only-for-drills_0123456789'
const ACCOUNT = 'A-500100'
const START_MS = 60_000

export interface Replica {
  port: number
  /** The URL of a valid call. */
  jitUrl: string
  /** The same with a wrong secret. */
  wrongSecretUrl: string
  pid(): number
  /** Current and peak memory in MB of 1024² (Linux only). */
  memory(): { now: number; peak: number }
  /** The body of a valid call. */
  answer(): Promise<string>
  /** The status of /health/live or /health/ready. */
  health(path: 'live' | 'ready'): Promise<number>
  /** JIT calls by outcome, from the metrics. */
  counts(): Promise<Record<string, number>>
  /** Calls that are not in the call log, from the metrics. */
  dropped(): Promise<number>
  /** The lines of the log so far. */
  log(): Record<string, unknown>[]
  /** Starts the service and waits until it is ready. An error contains the end of the log. */
  start(checkout?: string): Promise<void>
  /** Sends SIGTERM and waits. @returns the exit code */
  stop(): Promise<number>
  hasEnded(): boolean
}

interface Options {
  env?: Record<string, string>
  /** The log file, instead of one in the directory of Postgres. */
  output?: string
}

/** @param databaseUrl the URL of `postgres`, or of a proxy in front of it */
export async function startReplica(
  context: DrillContext,
  postgres: EmbeddedPostgres,
  databaseUrl = postgres.url,
  { env = {}, output }: Options = {},
): Promise<Replica> {
  const [port, adminPort] = [await freePort(), await freePort()]
  const [url, adminUrl] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${adminPort}`]
  const file = output ?? join(postgres.directory, `replica-${port}.log`)
  const callUrl = (secret: string) => `${url}/jit/${secret}?debt_account_external_id=${ACCOUNT}`
  let running: RunningProcess | undefined
  context.onEnd(() => running?.kill())

  const metrics = async () => (await fetch(`${adminUrl}/metrics`)).text()
  const isReady = () => fetch(`${url}/health/ready`).then(isOk, () => false)
  const replica: Replica = {
    port,
    jitUrl: callUrl(SECRET),
    wrongSecretUrl: callUrl('this-secret-is-not-that-of-the-drills_0123'),
    pid: () => running!.pid,
    memory: () => memoryOf(running!.pid),
    answer: () => fetch(replica.jitUrl).then((response) => response.text()),
    health: (path) => fetch(`${url}/health/${path}`).then(drained),
    async dropped() {
      return Number(/^tratta_jit_call_log_dropped_total (\d+)$/m.exec(await metrics())?.[1])
    },
    async counts() {
      const lines = (await metrics()).matchAll(/^tratta_jit_calls_total\{outcome="(\w+)"\} (\d+)$/gm)
      return Object.fromEntries([...lines].map(([, outcome, count]) => [outcome, Number(count)]))
    },
    log: () =>
      readFileSync(file, 'utf8')
        .split('\n')
        .flatMap((line) => (line.startsWith('{') && line.endsWith('}') ? JSON.parse(line) : [])),
    async start(checkout = CHECKOUT) {
      const log = openSync(file, 'a', 0o600)
      running = await startChildProcess([process.execPath, 'src/cli.ts', 'serve'], {
        cwd: checkout,
        env: {
          PATH: process.env.PATH,
          NODE_ENV: 'production',
          DATABASE_URL: databaseUrl,
          JIT_SECRET: SECRET,
          HOST: '127.0.0.1',
          PORT: String(port),
          ADMIN_PORT: String(adminPort),
          ...env,
        },
        stdout: log,
        stderr: log,
      })
      closeSync(log)
      for (const until = performance.now() + START_MS; !(await isReady()); await pause(50))
        if (running.hasEnded() || performance.now() > until) {
          const logged = output ? '' : readFileSync(file, 'utf8').slice(-1000)
          throw new Error(`a replica does not become ready:\n${logged}`)
        }
    },
    async stop() {
      process.kill(running!.pid, 'SIGTERM')
      return running!.ended
    },
    hasEnded: () => running?.hasEnded() ?? true,
  }
  await replica.start()
  return replica
}

const isOk = async (response: Response) => (await drained(response)) === 200

async function drained(response: Response) {
  await response.arrayBuffer()
  return response.status
}

function memoryOf(pid: number) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const megabytes = (name: string) =>
    Math.round(Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024)
  return { now: megabytes('VmRSS'), peak: megabytes('VmHWM') }
}
