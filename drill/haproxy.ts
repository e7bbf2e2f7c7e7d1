/** HAProxy in front of several Postgres servers. It connects clients to the primary, as with Patroni. */
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { EmbeddedPostgres } from '../src/development/embedded-postgres.ts'
import { freePort } from '../test/support/child-process.ts'
import { installed, startInstalled } from '../test/support/external-program.ts'
import type { DrillContext, Requirement } from './drill.ts'
import { query } from './setup.ts'

export const HAPROXY: Requirement = {
  program: 'haproxy (apt install haproxy)',
  isInstalled: () => installed('haproxy') !== undefined,
}

/** @returns the first URL with the port of HAProxy */
export async function startHaproxy(context: DrillContext, { directory }: EmbeddedPostgres, urls: string[]) {
  const port = await freePort()
  const servers = await Promise.all(
    urls.map(async (url, index) => {
      const check = await startCheck(context, url)
      return `server postgres${index} 127.0.0.1:${new URL(url).port} port ${check}`
    }),
  )
  const file = join(directory, 'haproxy.cfg')
  writeFileSync(file, configuration(port, servers))
  const args = ['-db', '-f', file]
  const { kill } = await startInstalled({ name: 'haproxy', args, directory, port })
  context.onEnd(kill)
  const url = new URL(urls[0]!)
  url.port = String(port)
  await findsPrimary(url.href)
  return url.href
}

/** Before the first check, HAProxy uses all servers in turn. Waits until it uses only the primary. */
async function findsPrimary(url: string) {
  for (let inSequence = 0; inSequence < 4; await pause(50)) {
    inSequence = (await isPrimary(url)) ? inSequence + 1 : 0
  }
}

async function isPrimary(url: string) {
  const rows = await query(url, 'select pg_is_in_recovery() as is_standby').catch(() => [])
  return rows[0]?.is_standby === false
}

/** A health endpoint for each Postgres, like that of Patroni: 200 for the primary. */
async function startCheck(context: DrillContext, url: string): Promise<number> {
  const server = createServer(async (_request, response) => {
    response.writeHead((await isPrimary(url)) ? 200 : 503).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  context.onEnd(() => {
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
