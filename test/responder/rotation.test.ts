/** Secrets in files change while `serve` runs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { MINIMUM, testDatabase } from '../support/database.ts'
import { type Service, service } from '../support/program.ts'
import { startSimulator } from '../support/simulator.ts'

// Each test has a database of its own, and waits most of the time.
t.jobs = 3

const secretOf = (letter: string) => letter.repeat(40)
const [A, B, C, D] = [secretOf('a'), secretOf('b'), secretOf('c'), secretOf('d')]

type Files = Record<string, string>

/** `serve` with its secrets in files. `write` replaces the content of some. */
async function started(t: Test, files: Files, env: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'tratta-jit-secrets-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const write = (changed: Files) => {
    for (const [name, content] of Object.entries(changed)) writeFileSync(join(folder, name), `${content}\n`)
  }
  write(files)
  const names = Object.keys(files).flatMap((name): [string, string][] => [
    [name, ''],
    [`${name}_FILE`, join(folder, name)],
  ])
  const serving = await service(t, files.DATABASE_URL ?? '', { ...Object.fromEntries(names), ...env })
  return { serving, write, folder }
}

const status = async ({ url }: Service, secret: string) =>
  (await fetch(`${url}/jit/${secret}?debt_account_external_id=123456`)).status

const accepted = async (serving: Service) => {
  const statuses = await Promise.all([A, B, C, D].map((secret) => status(serving, secret)))
  return ['a', 'b', 'c', 'd'].filter((_, at) => statuses[at] === 200).join('')
}

/** The changes that `serve` reports. */
const changes = (serving: Service) =>
  serving.lines().flatMap(({ event, changed }) => (event === 'secrets_read' ? [changed] : []))

async function until(condition: () => boolean | Promise<boolean>) {
  while (!(await condition())) await pause(50)
}

t.test('JIT_SECRET and the token', async (t) => {
  const database = await testDatabase(t)
  await database.query(MINIMUM)
  const { simulator } = await startSimulator(t, { token: 'first-token' })
  const { serving, write } = await started(
    t,
    {
      DATABASE_URL: database.url,
      JIT_SECRET: A,
      JIT_SECRET_NEXT: B,
      JIT_SECRET_PREVIOUS: '',
      TRATTA_API_TOKEN: 'first-token',
    },
    { TRATTA_API_URL: simulator.url, PUBLIC_URL: 'https://jit.agency.example' },
  )
  const urlOf = (secret: string) => `https://jit.agency.example/jit/${secret}`
  t.equal(await accepted(serving), 'ab', 'the next secret is accepted before it is registered')
  await until(() => simulator.jitUrls.length === 1)

  simulator.configure({ token: 'second-token' })
  write({ JIT_SECRET_PREVIOUS: A, JIT_SECRET: B, JIT_SECRET_NEXT: C, TRATTA_API_TOKEN: 'second-token' })
  await until(() => simulator.jitUrls.length === 2)
  t.same(simulator.jitUrls, [urlOf(A), urlOf(B)], 'registered with the new token')
  t.equal(await accepted(serving), 'abc')
  await until(async () => {
    const health = await fetch(`${serving.adminUrl}/health`)
    const { registration } = (await health.json()) as { registration: string }
    return registration === 'registered'
  })

  write({ JIT_SECRET_PREVIOUS: '' })
  await until(async () => (await accepted(serving)) === 'bc')
  await until(() => changes(serving).flat().length >= 5)
  t.same(changes(serving).flat().sort(), [
    'JIT_SECRET',
    'JIT_SECRET_NEXT',
    'JIT_SECRET_PREVIOUS',
    'JIT_SECRET_PREVIOUS',
    'TRATTA_API_TOKEN',
  ])
  for (const secret of [A, B, C, 'first-token', 'second-token'])
    t.notMatch(serving.stdout(), secret, 'no secret in the log')
})

t.test('SIGHUP reads the files at once', async (t) => {
  const database = await testDatabase(t)
  await database.query(MINIMUM)
  const { serving, write } = await started(t, { DATABASE_URL: database.url, JIT_SECRET: A })
  write({ JIT_SECRET: B })
  serving.process.kill('SIGHUP')
  await serving.line(({ event }) => event === 'secrets_read')
  t.equal(await accepted(serving), 'b')
  serving.process.kill('SIGHUP')
  await until(() => changes(serving).length === 2)
  t.same(changes(serving), [['JIT_SECRET'], []])
})

t.test('an invalid or missing secret keeps the current one', async (t) => {
  const database = await testDatabase(t)
  await database.query(MINIMUM)
  const { serving, write, folder } = await started(t, {
    DATABASE_URL: database.url,
    JIT_SECRET: A,
    JIT_SECRET_NEXT: B,
  })
  const rejections = () =>
    serving.lines().flatMap(({ event, message }) => (event === 'secret_rejected' ? [message] : []))
  write({ JIT_SECRET: 'too-short' })
  rmSync(join(folder, 'JIT_SECRET_NEXT'))
  await until(() => rejections().length === 2)
  t.equal(await accepted(serving), 'ab')
  serving.process.kill('SIGHUP')
  await until(() => changes(serving).length === 1)
  t.same(
    rejections(),
    [
      'The current JIT_SECRET stays in use: the new one must be 32 to 200 of the characters A-Z a-z 0-9 . _ ~ -',
      'The current JIT_SECRET_NEXT stays in use: the new one cannot be read from the file that JIT_SECRET_NEXT_FILE names (ENOENT)',
    ],
    'each is reported once',
  )
  write({ JIT_SECRET: C, JIT_SECRET_NEXT: D })
  await until(async () => (await accepted(serving)) === 'cd')
})

t.test('DATABASE_URL', async (t) => {
  const database = await testDatabase(t)
  await database.query(MINIMUM)
  const role = `rotated_${process.pid}`
  t.teardown(() => database.query(`drop owned by ${role}; drop role ${role}`))
  await database.query(`create role ${role} login superuser password 'first'`)
  const urlWith = (password: string) => {
    const url = new URL(database.url)
    url.username = role
    url.password = password
    return url.href
  }
  const { serving, write } = await started(t, { DATABASE_URL: urlWith('first'), JIT_SECRET: A })
  t.equal(await status(serving, A), 200)
  const backends = async () =>
    (await database.query(`select pid from pg_stat_activity where usename = '${role}'`)).map(({ pid }) => pid)
  const before = new Set(await backends())

  // Written first, in use once Postgres accepts it.
  write({ DATABASE_URL: urlWith('second') })
  const { message } = await serving.line(({ event }) => event === 'secret_rejected')
  t.equal(
    message,
    'The current DATABASE_URL stays in use: The database cannot be used: Postgres rejects the user or the password. Check the user and the password in DATABASE_URL. Percent-encode #, /, ?, @ and % in it.',
  )
  t.equal(await status(serving, A), 200)
  await database.query(`alter role ${role} password 'second'`)
  await serving.line(({ event }) => event === 'secrets_read')
  t.equal(await status(serving, A), 200)
  await until(async () => (await backends()).every((pid) => !before.has(pid)))
  t.ok((await backends()).length > 0, 'all connections are new')
  t.equal((await fetch(`${serving.adminUrl}/health/ready`)).status, 200)
})
