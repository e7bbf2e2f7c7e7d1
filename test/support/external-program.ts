/** External programs that may be installed, run in the foreground. */
import { accessSync, closeSync, constants, openSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type RunningProcess, startChildProcess } from './child-process.ts'

const START_MS = 30_000

/** The path of the program, also in the folders of Debian for system programs. */
export function installed(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

interface Server {
  name: string
  args: string[]
  /** The working directory. The output is written to NAME.log there. */
  directory: string
  /** The program is ready when it accepts connections at this port of 127.0.0.1. */
  port: number
  user?: { uid: number; gid: number } | undefined
}

/** Rejects with the end of the output when the program does not start. */
export async function startInstalled({ name, args, directory, port, user }: Server): Promise<RunningProcess> {
  const program = installed(name)
  if (!program) throw new Error(`${name} is not installed`)
  const file = join(directory, `${name}.log`)
  const output = openSync(file, 'a', 0o600)
  const options = { cwd: directory, env: { PATH: process.env.PATH }, stdout: output, stderr: output, user }
  const running = await startChildProcess([program, ...args], options)
  closeSync(output)
  for (const until = performance.now() + START_MS; !(await acceptsConnections(port)); await pause(20))
    if (running.hasEnded() || performance.now() > until) {
      await running.kill()
      throw new Error(`${name} does not start:\n${readFileSync(file, 'utf8').slice(-1000)}`)
    }
  return running
}

function acceptsConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}
