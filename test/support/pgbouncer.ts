/** PgBouncer in transaction mode, in front of a Postgres. */
import { spawnSync } from 'node:child_process'
import { chownSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from './child-process.ts'
import { installed, startInstalled } from './external-program.ts'

/** For example [1, 18]; undefined when it is not installed. */
export function pgBouncerVersion(): [major: number, minor: number] | undefined {
  const program = installed('pgbouncer')
  if (!program) return undefined
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' })
  const [, major, minor] = /^PgBouncer (\d+)\.(\d+)/m.exec(stdout) ?? []
  return [Number(major), Number(minor)]
}

/** From this version on, named prepared statements work with max_prepared_statements. */
export const knowsNamedStatements = () => {
  const [major, minor] = pgBouncerVersion() ?? [0, 0]
  return major > 1 || minor >= 21
}

/** Fewer than the clients, so that the transactions of a client use different connections. */
const SERVER_CONNECTIONS = 8

/**
 * @param folder for the files of PgBouncer; the caller removes it
 * @returns the address of the Postgres through it
 */
export async function startPgBouncer(postgresUrl: string, folder: string) {
  const { port: postgresPort, username, password, href } = new URL(postgresUrl)
  const directory = mkdtempSync(join(folder, 'pgbouncer-'))
  const port = await freePort()
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: join(directory, 'users'),
    pool_mode: 'transaction',
    default_pool_size: SERVER_CONNECTIONS,
    max_client_conn: 500,
    // The defaults of 15 s and 120 s would prolong each outage and each call.
    server_login_retry: 0.2,
    query_wait_timeout: 0.5,
    ...(knowsNamedStatements() && { max_prepared_statements: 100 }),
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`)
  // Instead of a setting of the role: the setting of a client stays on one connection.
  const bound = "connect_query='set statement_timeout = 1000'"
  const databases = `[databases]\n* = host=127.0.0.1 port=${postgresPort} ${bound}\n`
  writeFileSync(join(directory, 'ini'), `${databases}[pgbouncer]\n${lines.join('\n')}\n`)
  writeFileSync(join(directory, 'users'), `"${username}" "${password}"\n`, { mode: 0o600 })
  // PgBouncer does not run as root.
  const user = process.geteuid?.() === 0 ? nobody() : undefined
  if (user) for (const path of ['', 'ini', 'users']) chownSync(join(directory, path), user.uid, user.gid)
  const args = [join(directory, 'ini')]
  const { kill } = await startInstalled({ name: 'pgbouncer', args, directory, port, user })
  const url = new URL(href)
  url.port = String(port)
  return { url: url.href, stop: kill }
}

function nobody() {
  const [, uid, gid] = /^nobody:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8')) ?? []
  return { uid: Number(uid), gid: Number(gid) }
}
