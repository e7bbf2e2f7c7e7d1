/** The message for each reason why Postgres cannot be used. It has the next step, and no part of the URL. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import t from 'tap'
import { testDatabase } from '../support/database.ts'
import { run, SECRET } from '../support/program.ts'

const COMMANDS = [['serve'], ['migrate'], ['lookup', '1'], ['check', '--quick']]

t.test('an invalid DATABASE_URL: exit code 2, and no part of it is printed', async (t) => {
  t.jobs = 2
  for (const [url, problem] of [
    ['postgres://user:secr#et@host/name', 'percent-encoded'],
    ['postgres://user:123#secret@host/name', 'percent-encoded'],
    ['postgres://user:secr/et@host/name', 'percent-encoded'],
    ['postgres://user:12?secret@host/name', 'percent-encoded'],
    ['postgres://user:secr@et@host/name', 'percent-encoded'],
    ['postgres://user:secr%et@host/name', 'percent-encoding'],
    ['postgres://user:secret@host1,host2/name', 'several hosts'],
    ['postgres://user:secret@host1:5432,host2:5432/name', 'several hosts'],
    ['postgres://user:secret@host:99999/name', 'not a valid URL'],
    ['postgres://user:secret@host/name?sslmode=verify', 'sslmode that is none of'],
  ] as const)
    t.test(url, { buffered: true }, async (t) => {
      const { code, stdout, stderr } = await run(t, ['lookup', '1'], { DATABASE_URL: url })
      t.match({ code, stdout, stderr }, { code: 2, stdout: '', stderr: `DATABASE_URL` })
      t.match(stderr, problem)
      t.notMatch(stderr, /secr\b|secret|et@|host1|\n {4}at /)
    })
})

t.test('connection errors: one message in every command', async (t) => {
  const database = await testDatabase(t)
  const noTls = new URL(database.url)
  noTls.searchParams.set('sslmode', 'require')
  const noFile = new URL(noTls)
  noFile.searchParams.set('sslrootcert', '/nowhere/ca.pem')
  const wrongPassword = new URL(database.url)
  wrongPassword.password = 'wrong-password'
  const noPassword = new URL(database.url)
  noPassword.password = ''
  for (const [url, sentence] of [
    [wrongPassword, 'Postgres rejects the user or the password'],
    [noPassword, 'Postgres asks for a password and DATABASE_URL has none'],
    [noTls, 'Postgres does not offer TLS'],
    [noFile, 'a file that DATABASE_URL names cannot be read'],
  ] as const)
    for (const command of COMMANDS) {
      const { code, stdout, stderr } = await run(t, command, {
        DATABASE_URL: url.href,
        JIT_SECRET: SECRET,
        HOST: '127.0.0.1',
        PORT: '0',
        ADMIN_PORT: '0',
      })
      const output = stdout + stderr
      t.equal(code, 1, command.join(' '))
      t.match(output, `The database cannot be used: ${sentence}`, command.join(' '))
      t.notMatch(output, /\n {4}at |SECURITY WARNING|wrong-password|\/nowhere/)
    }
})

t.test('ADMIN_PORT in use: the message names it', async (t) => {
  const database = await testDatabase(t)
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const env = {
    DATABASE_URL: database.url,
    JIT_SECRET: SECRET,
    HOST: '127.0.0.1',
    PORT: '0',
    ADMIN_PORT: String(port),
  }
  t.match(await run(t, ['serve'], env), {
    code: 1,
    stderr: `Port ${port} (ADMIN_PORT) is in use by another program. Stop that program, or set ADMIN_PORT to a free port.\n`,
  })
})

t.test('check: clear text to a public address is an error, to a private one a warning', async (t) => {
  for (const [url, state, message] of [
    [
      'postgres://u:p@192.0.2.1:1/n?connect_timeout=1',
      'error',
      'without sslmode the connection to Postgres at a public address is in clear text, the password and all accounts included',
    ],
    [
      'postgres://u:p@10.255.255.1:1/n?sslmode=disable',
      'warning',
      'with sslmode=disable the connection to Postgres at another host is in clear text, the password and all accounts included',
    ],
    [
      'postgres://u:p@192.0.2.1:1/n?sslmode=no-verify',
      'warning',
      'sslmode=no-verify does not verify the server: a machine in between can read everything',
    ],
  ] as const) {
    const { lines, stderr } = await run(t, ['check', '--quick', '--json'], {
      DATABASE_URL: url,
      JIT_SECRET: SECRET,
    })
    t.match(
      lines.find((line) => line.message === message),
      { check: 'settings', state, remedy: 'Set sslmode=verify-full and sslrootcert=FILE in DATABASE_URL' },
    )
    t.equal(stderr, '')
  }
})
