/** HAProxy, which sends to the primary of several Postgres, as in front of Patroni. */
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { EmbeddedPostgres } from '../src/development/embedded-postgres.ts'
import { freePort } from '../test/support/child-process.ts'
import { installed, startInstalled } from '../test/support/external-program.ts'
import type { Need, Scene } from './drill.ts'
import { query } from './stage.ts'

export const HAPROXY: Need = {
  what: 'haproxy (apt install haproxy)',
  isThere: () => installed('haproxy') !== undefined,
}

/** @returns the first URL, through HAProxy */
export async function startHaproxy(scene: Scene, { directory }: EmbeddedPostgres, urls: string[]) {
  const port = await freePort()
  const servers = await Promise.all(
    urls.map(async (url, index) => {
      const check = await startCheck(scene, url)
      return `server postgres${index} 127.0.0.1:${new URL(url).port} port ${check}`
    }),
  )
  const file = join(directory, 'haproxy.cfg')
  writeFileSync(file, configuration(port, servers))
  const args = ['-db', '-f', file]
  const { kill } = await startInstalled({ name: 'haproxy', args, directory, port })
  scene.closing(kill)
  const url = new URL(urls[0]!)
  url.port = String(port)
  await knowsPrimary(url.href)
  return url.href
}

/** At first it takes all for the primary, and gives each its turn. */
async function knowsPrimary(url: string) {
  for (let inRow = 0; inRow < 4; await pause(50)) {
    inRow = (await isPrimary(url)) ? inRow + 1 : 0
  }
}

async function isPrimary(url: string) {
  const rows = await query(url, 'select pg_is_in_recovery() as is_standby').catch(() => [])
  return rows[0]?.is_standby === false
}

/** Like Patroni's health endpoint for each Postgres: 200 for the primary. Postgres has no such endpoint. */
async function startCheck(scene: Scene, url: string): Promise<number> {
  const server = createServer(async (_request, response) => {
    response.writeHead((await isPrimary(url)) ? 200 : 503).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  scene.closing(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

const configuration = (port: number, servers: string[]) => `
global
  maxconn 500
defaults
  mode tcp
  timeout connect 1s
  timeout check 3s
  timeout client 1h
  timeout server 1h
listen primary
  bind 127.0.0.1:${port}
  option httpchk OPTIONS /primary
  http-check expect status 200
  default-server check inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
  ${servers.join('\n  ')}
`
