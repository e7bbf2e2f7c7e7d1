/** A streaming replica of an embedded Postgres, created from a copy of its files while it is shut down. */
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../src/development/embedded-postgres.ts'
import type { DrillContext } from './drill.ts'
import { query } from './setup.ts'

interface Standby {
  url: string
  /** Resolves when the standby has all current changes of the primary. */
  caughtUp(): Promise<void>
}

const TIMEOUT_MS = 30_000

/** Restarts the primary. The caller promotes the standby. */
export async function startStandby(context: DrillContext, primary: EmbeddedPostgres): Promise<Standby> {
  const standby = await startEmbeddedPostgres()
  context.onEnd(standby.stop)
  const { port } = new URL(standby.url)
  await Promise.all([shutDown(standby), shutDown(primary)])
  const [from, to] = [join(primary.directory, 'data'), join(standby.directory, 'data')]
  fs.rmSync(to, { recursive: true })
  // Postgres requires the same owners and modes.
  execFileSync('cp', ['-a', from, to])
  follow(to, new URL(primary.url))
  await primary.start()
  await standby.start()

  // The copy has the password of the primary.
  const url = new URL(primary.url)
  url.port = port
  return {
    url: url.href,
    async caughtUp() {
      const [now] = await query(primary.url, 'select pg_current_wal_lsn()::text as lsn')
      const isInstalled = `select pg_last_wal_replay_lsn() >= '${now?.lsn}' as yes`
      for (const until = performance.now() + TIMEOUT_MS; ; await pause(50)) {
        const [row] = await query(url.href, isInstalled)
        if (row?.yes) return
        if (performance.now() > until) throw new Error('the standby does not follow the primary')
      }
    },
  }
}

/** A clean shutdown, so that the copy is consistent. */
async function shutDown(postgres: EmbeddedPostgres) {
  postgres.signal('SIGINT')
  const running = join(postgres.directory, 'data/postmaster.pid')
  for (const until = performance.now() + TIMEOUT_MS; fs.existsSync(running); await pause(20))
    if (performance.now() > until) throw new Error('Postgres does not shut down')
}

function follow(data: string, { hostname, port, username, password }: URL) {
  const source = `host=${hostname} port=${port} user=${username} password=${password}`
  fs.appendFileSync(join(data, 'postgresql.auto.conf'), `primary_conninfo = '${source}'\n`)
  const { uid, gid } = fs.statSync(data)
  const sign = join(data, 'standby.signal')
  fs.writeFileSync(sign, '', { mode: 0o600 })
  fs.chownSync(sign, uid, gid)
}
