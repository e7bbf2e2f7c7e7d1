/** More reasons why Postgres cannot be used: TLS certificates, roles, and settings of the server. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createCertificate } from '../support/certificate.ts'
import { MINIMUM, testDatabase } from '../support/database.ts'
import { run, SECRET } from '../support/program.ts'
import { serviceRole, testRole } from '../support/role.ts'
import { startTlsPostgres } from '../support/tls-postgres.ts'

const TRUST =
  'Name the file with the certificate of its authority: sslmode=verify-full&sslrootcert=FILE in DATABASE_URL'

/** Runs commands with a URL. Each must end with exit code 1, the sentence, and no part of the URL. */
async function expectSentence(t: Test, url: URL, commands: string[][], sentence: string) {
  for (const command of commands) {
    const { code, stdout, stderr } = await run(t, command, {
      DATABASE_URL: url.href,
      JIT_SECRET: SECRET,
      HOST: '127.0.0.1',
      PORT: '0',
      ADMIN_PORT: '0',
    })
    const output = (stdout + stderr).replace(/\s+/g, ' ')
    t.equal(code, 1, command.join(' '))
    // check separates the message and the next step by an arrow.
    t.ok(output.replace(' -> ', '. ').includes(sentence), `${command.join(' ')}: ${output}`)
    t.notMatch(output, /SECURITY WARNING|\bat \S+ \(|only-for-tests|postgres(ql)?:\/\/[^u]/)
    if (url.password) t.notOk(output.includes(url.password))
  }
}

const ALL = [['serve'], ['migrate'], ['lookup', '1'], ['check', '--quick']]
/** `serve` waits for a reason that can pass. */
const ALL_BUT_SERVE = ALL.slice(1)

t.test('TLS certificates', async (t) => {
  const database = await testDatabase(t)
  await database.query(MINIMUM)
  const certificate = createCertificate(t, 30)
  const url = await startTlsPostgres(t, database.url, certificate)
  const withTls = (from: URL, authority?: string) => {
    const made = new URL(from)
    made.searchParams.set('sslmode', 'verify-full')
    if (authority) made.searchParams.set('sslrootcert', authority)
    return made
  }

  await t.test('a trusted certificate: an account is found', async (t) => {
    const env = { DATABASE_URL: withTls(url, certificate.authority).href }
    t.match(await run(t, ['lookup', '123456', '--json'], env), { code: 0, stderr: '' })
  })
  await t.test('an unknown authority', (t) =>
    expectSentence(
      t,
      withTls(url),
      ALL,
      `The database cannot be used: the TLS certificate of Postgres is not trusted. ${TRUST}`,
    ),
  )
  await t.test('another host name', async (t) => {
    const other = withTls(url, certificate.authority)
    other.hostname = '127.0.0.1'
    await expectSentence(
      t,
      other,
      ALL,
      'The database cannot be used: the TLS certificate of Postgres is for another host name. Use the host name of the certificate in DATABASE_URL',
    )
  })
  await t.test('an expired certificate', async (t) => {
    const expired = createCertificate(t, 0)
    const behind = await startTlsPostgres(t, database.url, expired)
    await pause(1500)
    await expectSentence(
      t,
      withTls(behind, expired.authority),
      ALL,
      'The database cannot be used: the TLS certificate of Postgres has expired or is not valid yet. Renew the certificate of the server, and check the clocks',
    )
  })
  await t.test('a certificate file that is not PEM', async (t) => {
    const file = join(t.testdir(), 'ca.pem')
    writeFileSync(file, '-----BEGIN CERTIFICATE-----\nnot base64\n-----END CERTIFICATE-----\n')
    await expectSentence(t, withTls(url, file), ALL, 'The database cannot be used: ')
  })
})

t.test('roles and settings of the server', async (t) => {
  await t.test('a role without the privilege to create the schema', async (t) => {
    const database = await testDatabase(t, { migrated: false })
    const role = await testRole(t, database)
    await expectSentence(
      t,
      new URL(role.url),
      [['serve'], ['migrate']],
      'The database cannot be used: this user does not have the privilege. Grant what docs/data.md lists',
    )
  })
  await t.test('a read-only server', async (t) => {
    const database = await testDatabase(t, { migrated: false })
    const name = new URL(database.url).pathname.slice(1)
    await database.query(`alter database ${name} set default_transaction_read_only = on`)
    await expectSentence(
      t,
      new URL(database.url),
      [['serve'], ['migrate']],
      'The database cannot be used: Postgres is read-only (a standby, or default_transaction_read_only). Point DATABASE_URL at the primary',
    )
  })
  await t.test('a role that may not log in', async (t) => {
    const database = await testDatabase(t)
    const role = await serviceRole(t, database, [])
    await database.query(`alter role ${role.name} nologin`)
    await expectSentence(
      t,
      new URL(role.url),
      ALL,
      'The database cannot be used: Postgres does not allow this user, host or database to connect',
    )
  })
  await t.test('a role without a connection left', async (t) => {
    const database = await testDatabase(t)
    const role = await serviceRole(t, database, [])
    await database.query(`alter role ${role.name} connection limit 0`)
    await expectSentence(
      t,
      new URL(role.url),
      ALL_BUT_SERVE,
      'The database cannot be used: Postgres has no connection left. Lower DATABASE_POOL_SIZE',
    )
  })
  await t.test('a database that does not exist', async (t) => {
    const url = new URL((await testDatabase(t)).url)
    url.pathname = '/no_such_database'
    await expectSentence(
      t,
      url,
      ALL,
      'The database cannot be used: the database that DATABASE_URL names does not',
    )
  })
  await t.test('a host that does not exist', async (t) => {
    const url = new URL((await testDatabase(t)).url)
    url.hostname = 'nowhere.invalid'
    await expectSentence(
      t,
      url,
      ALL_BUT_SERVE,
      'The database cannot be used: the host name in DATABASE_URL cannot be resolved. Check the host',
    )
  })
})
