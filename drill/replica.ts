/** The service as in production: a process of its own, its log in a file, known by its ports alone. */
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { EmbeddedPostgres } from '../src/development/embedded-postgres.ts'
import { freePort, type RunningProcess, startChildProcess } from '../test/support/child-process.ts'
import type { Scene } from './drill.ts'

const CHECKOUT = join(import.meta.dirname, '..')
const SECRET = 'this-secret-is-only-for-drills_0123456789'
const ACCOUNT = 'A-500100'
const START_MS = 60_000

export interface Replica {
  port: number
  /** Tratta's question. */
  jit: string
  /** The same with a secret that is not ours. */
  guess: string
  pid(): number
  /** What it holds, and the most that it ever held, in MB of 1024² (Linux only). */
  memory(): { now: number; most: number }
  /** The whole answer to Tratta's question, as text. */
  ask(): Promise<string>
  /** The status of one of the paths below /health/. */
  health(path: 'live' | 'ready'): Promise<number>
  /** JIT calls by outcome, from the metrics. */
  counts(): Promise<Record<string, number>>
  /** The lines of its log so far. */
  log(): Record<string, unknown>[]
  /** Starts it, and waits until it is ready. Rejects with the end of what it printed. */
  start(checkout?: string): Promise<void>
  /** SIGTERM, and waits for its end. @returns the exit code */
  stop(): Promise<number>
  hasEnded(): boolean
}

interface Options {
  env?: Record<string, string>
  /** Where its log goes, instead of a file in the Postgres's directory. */
  output?: string
}

/** @param databaseUrl what it connects to: the Postgres itself, or something in front of it */
export async function startReplica(
  scene: Scene,
  postgres: EmbeddedPostgres,
  databaseUrl = postgres.url,
  { env = {}, output }: Options = {},
): Promise<Replica> {
  const [port, adminPort] = [await freePort(), await freePort()]
  const [url, adminUrl] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${adminPort}`]
  const file = output ?? join(postgres.directory, `replica-${port}.log`)
  const question = (secret: string) => `${url}/jit/${secret}?debt_account_external_id=${ACCOUNT}`
  let running: RunningProcess | undefined
  scene.closing(() => running?.kill())

  const isReady = () => fetch(`${url}/health/ready`).then(isOk, () => false)
  const replica: Replica = {
    port,
    jit: question(SECRET),
    guess: question('this-secret-is-not-that-of-the-drills_0123'),
    pid: () => running!.pid,
    memory: () => memoryOf(running!.pid),
    ask: () => fetch(replica.jit).then((response) => response.text()),
    health: (path) => fetch(`${url}/health/${path}`).then(drained),
    async counts() {
      const text = await (await fetch(`${adminUrl}/metrics`)).text()
      const lines = text.matchAll(/^tratta_jit_calls_total\{outcome="(\w+)"\} (\d+)$/gm)
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
          const said = output ? '' : readFileSync(file, 'utf8').slice(-1000)
          throw new Error(`a replica does not become ready:\n${said}`)
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
  return { now: megabytes('VmRSS'), most: megabytes('VmHWM') }
}
