import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A real Postgres of our own, for the demo, the tests and the benchmark. Its data does not survive it. */
export interface EmbeddedPostgres {
  /** Connection URL, password included, of the superuser for the database `postgres`, on 127.0.0.1. */
  url: string
  /** Where it lives; whatever else is put there is removed with it. */
  directory: string
  /** The same for another database, which need not exist yet. */
  urlFor(database: string): string
  /**
   * SIGSTOP and SIGCONT reach every process of the server, any other signal the postmaster alone.
   * Throws when the postmaster is not running.
   */
  signal(signal: NodeJS.Signals): void
  /**
   * Starts the server again, same port and data, after a signal ended it; resolves when it accepts
   * connections. Rejects when the old one has not ended within 10 s or the new one does not start.
   */
  start(): Promise<void>
  /** Ends the server at once and removes its directory. Safe to call twice. Rejects when something is left. */
  stop(): Promise<void>
}

interface Options {
  /** Further settings of Postgres, by name. */
  settings?: Record<string, string>
  /** A free one when it is left out. */
  port?: number
}

/** Where a server lives, and who runs it when we are root. */
interface Place {
  directory: string
  user: { name: string; uid: number; gid: number } | undefined
}

const reaperScript = join(import.meta.dirname, 'embedded-postgres-reaper.sh')

/**
 * Starts a server, on 127.0.0.1 only, in a new directory below `os.tmpdir()`. Needs Linux or macOS and the
 * development dependency `embedded-postgres`. Rejects with the end of the server's log when it does not start.
 *
 * The server keeps this process alive until `stop()`, and never outlives it: however this process ends,
 * a detached shell, the reaper, then ends the server and removes the directory.
 */
export async function startEmbeddedPostgres(options: Options = {}): Promise<EmbeddedPostgres> {
  const native = await findNative()
  const user = process.geteuid?.() === 0 ? findUnprivilegedUser() : undefined
  const directory = fs.mkdtempSync(join(resolve(tmpdir()), 'tratta-jit-postgres-'))
  const place = { directory, user }
  // Nothing is written to its input: the kernel closes it when this process ends, and that is the message.
  const reaper = spawn('/bin/sh', [reaperScript, directory], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  await once(reaper, 'spawn')
  const reaped = once(reaper, 'exit')
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= reaped.then(([code]) => {
      if (code !== 0) throw new Error(`The embedded Postgres in ${directory} could not be removed`)
    })
    reaper.stdin.destroy()
    return stopped
  }

  try {
    const password = randomBytes(18).toString('base64url')
    await createCluster(place, native, password)
    const [port, first] = await launchOnFreePort(place, options)
    let postmaster = first
    const urlFor = (database: string) =>
      `postgresql://postgres:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`
    return {
      url: urlFor('postgres'),
      directory,
      urlFor,
      signal(signal) {
        if (hasEnded(postmaster)) throw new Error('The embedded Postgres is not running')
        // The postmaster first, or it could start another process meanwhile.
        postmaster.kill(signal)
        if (signal === 'SIGSTOP' || signal === 'SIGCONT') signalAll(place, signal)
      },
      async start() {
        if (stopped) throw new Error('The embedded Postgres was stopped for good')
        const ended = await until(() => hasEnded(postmaster), 10_000)
        if (!ended) throw new Error('The embedded Postgres is still running')
        // A backend that outlives a killed postmaster keeps its shared memory in use.
        await until(() => signalAll(place, 'SIGKILL') === 0, 10_000)
        postmaster = await launch(place, port, options.settings)
      },
      stop,
    }
  } catch (error) {
    // What was wrong at first says more than what is left of it.
    await stop().catch(() => {})
    throw error
  }
}

/** @returns the folder with bin, lib and share. TEST_POSTGRES_BIN names the bin of another Postgres. */
async function findNative(): Promise<string> {
  if (process.env.TEST_POSTGRES_BIN) return resolve(process.env.TEST_POSTGRES_BIN, '..')
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const { postgres } = (await import(name)) as { postgres: string }
    return resolve(dirname(postgres), '..')
  } catch (cause) {
    const message = `The embedded Postgres is not installed (${name}): run \`npm ci\`, development dependencies included`
    throw new Error(message, { cause })
  }
}

function findUnprivilegedUser() {
  const passwd = fs.readFileSync('/etc/passwd', 'utf8')
  for (const name of ['postgres', 'nobody']) {
    const entry = new RegExp(`^${name}:[^:]*:(\\d+):(\\d+):`, 'm').exec(passwd)
    if (entry) return { name, uid: Number(entry[1]), gid: Number(entry[2]) }
  }
  throw new Error('Postgres refuses to run as root, and /etc/passwd has neither `postgres` nor `nobody`')
}

async function createCluster(place: Place, native: string, password: string): Promise<void> {
  const { directory, user } = place
  const copy = join(directory, 'native')
  const data = join(directory, 'data')
  const passwordFile = join(directory, 'password')
  fs.mkdirSync(data, { mode: 0o700 })
  fs.writeFileSync(passwordFile, password, { mode: 0o600 })
  if (user) {
    fs.chmodSync(directory, 0o711)
    // That user may be unable to enter the checkout. An installed Postgres finds its files only where it is.
    if (process.env.TEST_POSTGRES_BIN) fs.symlinkSync(native, copy)
    else shareTree(native, copy)
    for (const path of [data, passwordFile]) fs.chownSync(path, user.uid, user.gid)
  } else {
    fs.symlinkSync(native, copy)
  }
  // The built-in locale needs Postgres 17.
  const builtin = process.env.TEST_POSTGRES_BIN ? '' : ' --locale-provider builtin --builtin-locale C.UTF-8'
  const locale = `--encoding UTF8 --locale C${builtin}`
  const args = `-U postgres --auth scram-sha-256 --no-sync ${locale} --pwfile`.split(' ')
  const [code] = await once(await run(place, 'initdb', [...args, passwordFile]), 'exit')
  if (code !== 0) throw failure(place, 'initdb failed')
  fs.rmSync(passwordFile)
}

/** Makes a tree readable for everybody in a second place: linked where possible, for it is 60 MB. */
function shareTree(from: string, to: string): void {
  fs.mkdirSync(to)
  fs.chmodSync(to, 0o755)
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) shareTree(source, target)
    else if (entry.isSymbolicLink()) fs.symlinkSync(fs.readlinkSync(source), target)
    else shareFile(source, target)
  }
}

function shareFile(source: string, target: string): void {
  try {
    // A link has the mode of its file, and after `npm ci` under umask 077 that is 0600.
    if ((fs.statSync(source).mode & 0o004) === 0) throw new Error('not readable for everybody')
    fs.linkSync(source, target)
  } catch {
    fs.copyFileSync(source, target)
    fs.chmodSync(target, 0o755)
  }
}

async function launchOnFreePort(place: Place, options: Options): Promise<[number, ChildProcess]> {
  for (let tries = 1; ; tries++) {
    // Below the ports that the kernel hands to outgoing connections: while the server is down, a client
    // that retries could be given the server's port, even connect to itself.
    const port = options.port ?? randomInt(20_000, 30_000)
    try {
      return [port, await launch(place, port, options.settings)]
    } catch (error) {
      if (options.port || tries === 20 || !String(error).includes('Address already in use')) throw error
    }
  }
}

async function launch(place: Place, port: number, settings: Options['settings']): Promise<ChildProcess> {
  const all = {
    // Not synchronous_commit, or SIGKILL of the postmaster would lose the last commits.
    fsync: 'off',
    full_page_writes: 'off',
    // In our directory: a killed postmaster would leave segments in /dev/shm, and containers have little.
    dynamic_shared_memory_type: 'mmap',
    ...settings,
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    // By which the reaper knows the server's processes.
    cluster_name: basename(place.directory),
  }
  const args = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const postmaster = await run(place, 'postgres', args)
  const isReady = () => {
    const file = join(place.directory, 'data/postmaster.pid')
    const lines = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n') : []
    return lines[0] === String(postmaster.pid) && lines[7]?.trim() === 'ready'
  }
  await until(() => hasEnded(postmaster) || isReady(), 60_000)
  if (hasEnded(postmaster) || !isReady()) throw failure(place, 'the server does not start')
  return postmaster
}

async function run({ directory, user }: Place, program: string, args: string[]): Promise<ChildProcess> {
  const log = join(directory, 'log')
  fs.writeFileSync(log, '', { mode: 0o600 })
  const output = fs.openSync(log, 'a')
  try {
    const child = spawn(join(directory, 'native/bin', program), ['-D', join(directory, 'data'), ...args], {
      cwd: directory,
      // A session of its own: Ctrl-C in the terminal is for us, and the server stays until we have ended.
      detached: true,
      // Nothing more: PGOPTIONS and its like would count.
      env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', output, output],
      ...user,
    })
    await once(child, 'spawn')
    return child
  } catch (cause) {
    const why =
      user &&
      ` as ${user.name} (as root it refuses): any user must be able to enter TMPDIR and run programs there`
    throw new Error(`Cannot run ${program} in ${directory}${why ?? ''}: ${(cause as Error).message}`, {
      cause,
    })
  } finally {
    fs.closeSync(output)
  }
}

/** Sends a signal to every process of the server and returns how many there are. */
function signalAll({ directory }: Place, signal: NodeJS.Signals): number {
  const { stdout } = spawnSync('/bin/sh', [reaperScript, directory, signal.slice(3)], { encoding: 'utf8' })
  return stdout.split('\n').filter(Boolean).length
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** Whether the condition came true within so many milliseconds. */
async function until(condition: () => boolean, milliseconds: number): Promise<boolean> {
  const end = Date.now() + milliseconds
  while (!condition()) {
    if (Date.now() > end) return false
    await sleep(10)
  }
  return true
}

function failure({ directory }: Place, what: string): Error {
  const log = fs.readFileSync(join(directory, 'log'), 'utf8').trimEnd().split('\n')
  return new Error(`The embedded Postgres: ${what}. The end of its log:\n${log.slice(-15).join('\n')}`)
}
