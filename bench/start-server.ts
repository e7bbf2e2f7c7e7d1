/** Starts a server in a separate process. */
import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort, startChildProcess } from '../test/support/child-process.ts'

export interface RunningServer {
  name: string
  /** The id of an account is appended to it. */
  url: string
  /** In megabytes of 1024²; undefined if the platform does not report it. */
  peakMemory(): number | undefined
  stop(): Promise<void>
  /** Ends it by SIGTERM. Node then writes its compile cache. */
  terminate(): Promise<void>
}

export interface Program {
  name: string
  /** Arguments of node, from the root of the checkout. */
  args: string[]
  /** The id of an account is appended to it. */
  path: string
  environment: Record<string, string>
}

const ROOT = join(import.meta.dirname, '..')
const START_MS = 60_000

/** Starts the server and waits until it answers for this account. An error contains the end of its output. */
export async function startServer(program: Program, databaseUrl: string, id: string): Promise<RunningServer> {
  const [port, adminPort] = [await freePort(), await freePort()]
  // Only this process and the server have the file. It is removed when both have ended.
  const file = join(tmpdir(), `tratta-jit-bench-${randomUUID()}`)
  const output = fs.openSync(file, 'wx+', 0o600)
  fs.unlinkSync(file)
  const running = await startChildProcess([process.execPath, ...program.args], {
    cwd: ROOT,
    env: {
      // No other variables: they could change the settings of the server.
      PATH: process.env.PATH,
      NODE_ENV: 'production',
      DATABASE_URL: databaseUrl,
      PORT: String(port),
      ADMIN_PORT: String(adminPort),
      ...program.environment,
    },
    stdout: output,
    stderr: output,
  })
  const url = `http://127.0.0.1:${port}${program.path}`
  const server: RunningServer = {
    name: program.name,
    url,
    peakMemory: () => peakMemoryOf(running.pid),
    stop: running.kill,
    async terminate() {
      process.kill(running.pid, 'SIGTERM')
      await running.ended
    },
  }
  try {
    for (const until = Date.now() + START_MS; !(await answers(url + id)); await pause(50))
      if (running.hasEnded() || Date.now() > until) {
        throw new Error(`${program.name} does not answer. The end of its output:\n${endOf(output)}`)
      }
    return server
  } catch (error) {
    await server.stop()
    throw error
  } finally {
    fs.closeSync(output)
  }
}

async function answers(url: string) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5000) })
    await response.arrayBuffer()
    return response.ok
  } catch {
    return false
  }
}

function peakMemoryOf(pid: number) {
  try {
    const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024 || undefined
  } catch {
    return undefined
  }
}

function endOf(output: number) {
  const size = fs.fstatSync(output).size
  const buffer = Buffer.alloc(Math.min(size, 2000))
  fs.readSync(output, buffer, 0, buffer.length, size - buffer.length)
  return buffer.toString()
}
