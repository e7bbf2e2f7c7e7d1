/** A streaming replica of an embedded Postgres, made from a copy of it while it is down. */
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../src/development/embedded-postgres.ts'
import type { Scene } from './drill.ts'
import { query } from './stage.ts'

export interface Standby {
  url: string
  /** Resolves when it holds what the primary holds now. */
  caughtUp(): Promise<void>
}

const TIMEOUT_MS = 30_000

/** Restarts the primary. The caller promotes the standby. */
export async function startStandby(scene: Scene, primary: EmbeddedPostgres): Promise<Standby> {
  const standby = await startEmbeddedPostgres()
  scene.closing(standby.stop)
  const { port } = new URL(standby.url)
  await Promise.all([shutDown(standby), shutDown(primary)])
  const [from, to] = [join(primary.directory, 'data'), join(standby.directory, 'data')]
  fs.rmSync(to, { recursive: true })
  // Owners and modes as they are: Postgres minds both.
  execFileSync('cp', ['-a', from, to])
  follow(to, new URL(primary.url))
  await primary.start()
  await standby.start()

  // The copy has the primary's password too.
  const url = new URL(primary.url)
  url.port = port
  return {
    url: url.href,
    async caughtUp() {
      const [now] = await query(primary.url, 'select pg_current_wal_lsn()::text as lsn')
      const isThere = `select pg_last_wal_replay_lsn() >= '${now?.lsn}' as yes`
      for (const until = performance.now() + TIMEOUT_MS; ; await pause(50)) {
        const [row] = await query(url.href, isThere)
        if (row?.yes) return
        if (performance.now() > until) throw new Error('the standby does not follow the primary')
      }
    },
  }
}

/** In order, so that the copy is whole. */
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
