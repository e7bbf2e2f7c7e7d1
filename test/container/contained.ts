/** Runs processes in the read-only file system of an image, as its user and as process 1. Needs Linux and root. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface Image {
  root: string
  /** As in `docker inspect`. */
  config: { User: string; WorkingDir: string; Env: string[]; Cmd: string[]; Healthcheck: { Test: string[] } }
}

const mount = (...words: string[]) => execFileSync('mount', words)

/** Adds /proc, /dev, /etc/hosts and these `volumes` (from, to) to the root, and makes it read-only. */
export function prepareRoot(root: string, hosts: string, volumes: Record<string, string>) {
  for (const folder of ['proc', 'dev']) mkdirSync(join(root, folder), { recursive: true })
  writeFileSync(join(root, 'etc/hosts'), hosts)
  for (const [from, to] of Object.entries(volumes)) {
    const place = join(root, to)
    if (statSync(from).isDirectory()) mkdirSync(place, { recursive: true })
    else if (!existsSync(place)) {
      mkdirSync(dirname(place), { recursive: true })
      cpSync(from, place)
    }
  }
  mount('--bind', root, root)
  mount('--options', 'remount,bind,ro', root)
  mount('--bind', '/dev', join(root, 'dev'))
  for (const [from, to] of Object.entries(volumes)) mount('--bind', from, join(root, to))
}

/** Starts a command in the image, by default as the user of the image. */
export function start(
  { root, config }: Image,
  command: string[],
  env: Record<string, string> = {},
  user = config.User,
): ChildProcess {
  const [uid, gid] = user.split(':')
  const namespaces = ['--pid', '--fork', '--kill-child', '--mount-proc']
  const location = [`--root=${root}`, `--wd=${config.WorkingDir}`, `--setgid=${gid}`, `--setuid=${uid}`]
  return spawn('/usr/bin/unshare', [...namespaces, ...location, ...command], {
    env: { ...Object.fromEntries(config.Env.map((line) => line.split(/=(.*)/s))), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** Runs a command in the image and waits for its end. */
export async function run(...given: Parameters<typeof start>) {
  const child = start(...given)
  let output = ''
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
    })
  const [code] = await once(child, 'close')
  return { code: code as number | null, output }
}

/** The process in the container, with its pid on this machine. `start` returns the `unshare` process that waits for it. */
export function processIn(child: ChildProcess) {
  const pid = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8'))
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const field = (name: string) => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1]?.split(/\s+/) ?? []
  return { pid, field }
}
