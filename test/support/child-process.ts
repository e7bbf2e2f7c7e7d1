/** Child processes that end with this process, and free ports. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'

/**
 * Runs a command and prints its process id. Its input is a pipe from this process, which closes when this process
 * ends. The command and all its child processes are then killed.
 */
const GUARD = `
  exec 3<&0
  "$@" 3<&- 4>&- &
  command=$!
  echo $command >&4
  exec 4>&-
  { while read -r _; do :; done; kill -s KILL -- -$$; } <&3 2>/dev/null &
  wait $command
  code=$?
  kill $! 2>/dev/null
  exit $code`

export interface RunningProcess {
  /** The process id of the command. */
  pid: number
  /** Resolves with the exit code, which is 128 plus the number of the signal that ended the command. */
  ended: Promise<number>
  hasEnded(): boolean
  /** Kills the command and all its child processes. */
  kill(): Promise<void>
}

interface Options {
  cwd: string
  /** All environment variables. */
  env: NodeJS.ProcessEnv
  /** File descriptors. Without one the output is discarded. */
  stdout?: number
  stderr?: number
  user?: { uid: number; gid: number } | undefined
}

export async function startChildProcess(
  command: [program: string, ...args: string[]],
  { cwd, env, stdout, stderr, user }: Options,
): Promise<RunningProcess> {
  const guard: ChildProcess = spawn('/bin/sh', ['-c', GUARD, 'guard', ...command], {
    cwd,
    env,
    // A process group of its own: Ctrl-C does not reach it, and all its processes can be killed.
    detached: true,
    stdio: ['pipe', stdout ?? 'ignore', stderr ?? 'ignore', 'ignore', 'pipe'],
    ...(user && { uid: user.uid, gid: user.gid }),
  })
  const ended = once(guard, 'exit').then(([code]) => (code as number | null) ?? 128)
  // The shell may have ended first.
  guard.stdin?.on('error', () => {})
  const [pid] = (await once(createInterface(guard.stdio[4] as NodeJS.ReadableStream), 'line')) as [string]
  return {
    pid: Number(pid),
    ended,
    hasEnded: () => guard.exitCode !== null || guard.signalCode !== null,
    async kill() {
      guard.stdin?.destroy()
      await ended
    },
  }
}

const FIRST_PORT = 20_000
const PORTS_PER_JOB = 2000
/** tap runs several files at a time and numbers them. The last number is for other programs, such as drills. */
const JOBS = 5
const JOB = Number(process.env.TAP_JOB_ID ?? JOBS - 1) % JOBS
let nextPort = randomInt(PORTS_PER_JOB)

/**
 * A port below those that the kernel gives to outgoing connections. Each job of tap has its own, so that no other test
 * gets a port that was chosen and is not open yet.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + JOB * PORTS_PER_JOB + (nextPort++ % PORTS_PER_JOB)
    const probe = createServer().listen(port, '127.0.0.1')
    const isFree = await once(probe, 'listening').then(
      () => true,
      () => false,
    )
    await new Promise((resolve) => probe.close(resolve))
    if (isFree) return port
  }
}
