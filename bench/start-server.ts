/** A server under test as a process of its own. */
import { spawn } from 'node:child_process'
import { randomInt, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'

export interface RunningServer {
  name: string
  /** An account's id is appended to it. */
  url: string
  /** In megabytes of 1024²; undefined where it cannot be known. */
  peakMemory(): number | undefined
  stop(): Promise<void>
}

export interface Program {
  name: string
  /** Arguments of node, from the root of the checkout. */
  args: string[]
  /** Where it answers; an account's id is appended. */
  path: string
  environment: Record<string, string>
}

const ROOT = join(import.meta.dirname, '..')
const START_MS = 60_000

/**
 * Runs a command and prints its process id. Its input comes from the bench and holds nothing: when it ends,
 * because the bench has ended in whatever way, the command is killed.
 */
const GUARD = `
  exec 3<&0
  "$@" 3<&- 4>&- &
  command=$!
  echo $command >&4
  exec 4>&-
  { while read -r _; do :; done; kill -s KILL $command; } <&3 2>/dev/null &
  wait $command
  code=$?
  kill $! 2>/dev/null
  exit $code`

/** Starts it and waits until it answers for this account. Rejects with the end of what it printed. */
export async function startServer(program: Program, databaseUrl: string, id: string): Promise<RunningServer> {
  const [port, adminPort] = [await freePort(), await freePort()]
  // Nobody else sees the file, and it is gone when the last of us has ended.
  const file = join(tmpdir(), `tratta-jit-bench-${randomUUID()}`)
  const output = fs.openSync(file, 'wx+', 0o600)
  fs.unlinkSync(file)
  const guard = spawn('/bin/sh', ['-c', GUARD, 'guard', process.execPath, ...program.args], {
    cwd: ROOT,
    // Ctrl-C in the terminal is for the bench.
    detached: true,
    env: {
      // Nothing more: a setting from outside would make another server of it.
      PATH: process.env.PATH,
      NODE_ENV: 'production',
      DATABASE_URL: databaseUrl,
      PORT: String(port),
      ADMIN_PORT: String(adminPort),
      ...program.environment,
    },
    stdio: ['pipe', output, output, 'ignore', 'pipe'],
  })
  const ended = once(guard, 'exit')
  const url = `http://127.0.0.1:${port}${program.path}`
  const server: RunningServer = {
    name: program.name,
    url,
    peakMemory: () => undefined,
    async stop() {
      guard.stdin?.destroy()
      await ended
    },
  }
  try {
    const [pid] = (await once(createInterface(guard.stdio[4] as NodeJS.ReadableStream), 'line')) as [string]
    server.peakMemory = () => peakMemoryOf(pid)
    for (const until = Date.now() + START_MS; !(await answers(url + id)); await pause(50))
      if (guard.exitCode !== null || Date.now() > until) {
        throw new Error(`${program.name} does not answer. The end of what it printed:\n${endOf(output)}`)
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

/** Below the ports that the kernel gives to outgoing connections. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 30_000)
    const probe = createServer().listen(port, '127.0.0.1')
    const isFree = await once(probe, 'listening').then(
      () => true,
      () => false,
    )
    await new Promise((resolve) => probe.close(resolve))
    if (isFree) return port
  }
}

function peakMemoryOf(pid: string) {
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
