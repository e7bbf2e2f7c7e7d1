/** Runs the programs of the embedded Postgres, and signals its processes. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Cluster {
  directory: string
  /** The user who runs the server when this process is root. Postgres does not run as root. */
  user: { name: string; uid: number; gid: number } | undefined
}

export const CLEANUP_SCRIPT = join(import.meta.dirname, 'embedded-postgres-cleanup.sh')
const START_TIMEOUT_MS = 60_000
const MAX_PORTS = 20

/** @param port undefined: a free port */
export async function startPostmaster(
  cluster: Cluster,
  port: number | undefined,
  settings: Record<string, string> = {},
): Promise<[port: number, postmaster: ChildProcess]> {
  for (let tries = 1; ; tries++) {
    // Below the ports that the kernel uses for outgoing connections: while the server is down, a client that
    // retries could get the port of the server, and even connect to itself.
    const candidate = port ?? randomInt(30_000, 32_768)
    try {
      return [candidate, await startOn(cluster, candidate, settings)]
    } catch (error) {
      if (port || tries === MAX_PORTS || !String(error).includes('Address already in use')) throw error
    }
  }
}

async function startOn(cluster: Cluster, port: number, settings: Record<string, string>) {
  const all = {
    // synchronous_commit stays on, or SIGKILL of the postmaster would lose the last commits.
    fsync: 'off',
    full_page_writes: 'off',
    // In our directory: a killed postmaster would leave segments in /dev/shm, which is small in containers.
    dynamic_shared_memory_type: 'mmap',
    ...settings,
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    // The cleanup script finds the processes of the server by this name.
    cluster_name: basename(cluster.directory),
  }
  const args = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const postmaster = await runProgram(cluster, 'postgres', args)
  const isReady = () => {
    const file = join(cluster.directory, 'data/postmaster.pid')
    const lines = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n') : []
    return lines[0] === String(postmaster.pid) && lines[7]?.trim() === 'ready'
  }
  await waitUntil(() => hasEnded(postmaster) || isReady(), START_TIMEOUT_MS)
  if (hasEnded(postmaster) || !isReady()) throw errorWithLog(cluster, 'the server does not start')
  return postmaster
}

export async function runProgram(
  { directory, user }: Cluster,
  program: string,
  args: string[],
): Promise<ChildProcess> {
  const log = join(directory, 'log')
  fs.writeFileSync(log, '', { mode: 0o600 })
  const output = fs.openSync(log, 'a')
  try {
    const child = spawn(join(directory, 'native/bin', program), ['-D', join(directory, 'data'), ...args], {
      cwd: directory,
      // A separate session: Ctrl-C in the terminal reaches this process only, and the server runs until it ends.
      detached: true,
      // No other variables: PGOPTIONS and others would change the server.
      env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', output, output],
      ...user,
    })
    await once(child, 'spawn')
    return child
  } catch (cause) {
    const hint = user
      ? ` as ${user.name} (Postgres does not run as root): every user must be able to enter TMPDIR and run programs there`
      : ''
    throw new Error(`Cannot run ${program} in ${directory}${hint}: ${(cause as Error).message}`, { cause })
  } finally {
    fs.closeSync(output)
  }
}

/** Sends a signal to every process of the server. @returns the number of processes */
export function signalAll({ directory }: Cluster, signal: NodeJS.Signals): number {
  const { stdout } = spawnSync('/bin/sh', [CLEANUP_SCRIPT, directory, signal.slice(3)], { encoding: 'utf8' })
  return stdout.split('\n').filter(Boolean).length
}

export const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null

/** @returns whether the condition became true within the timeout */
export async function waitUntil(condition: () => boolean, timeoutMs: number): Promise<boolean> {
  const end = Date.now() + timeoutMs
  while (!condition()) {
    if (Date.now() > end) return false
    await sleep(10)
  }
  return true
}

export function errorWithLog({ directory }: Cluster, message: string): Error {
  const log = fs.readFileSync(join(directory, 'log'), 'utf8').trimEnd().split('\n')
  return new Error(
    `The embedded Postgres: ${message}. The last lines of its log:\n${log.slice(-15).join('\n')}`,
  )
}
