/** Standard output that closes early or cannot be written. */
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import t, { type Test } from 'tap'
import { MINIMUM, testDatabase } from '../support/database.ts'
import { run } from '../support/program.ts'

type Stdio = 'pipe' | number

async function runWith(
  t: Test,
  args: string[],
  env: Record<string, string>,
  stdout: Stdio,
  stderr: Stdio = 'pipe',
) {
  const { PATH = '', NODE_V8_COVERAGE } = process.env
  const child = spawn(process.execPath, ['src/cli.ts', ...args], {
    env: { PATH, ...(NODE_V8_COVERAGE && { NODE_V8_COVERAGE }), ...env },
    stdio: ['ignore', stdout, stderr],
  })
  // The reader is closed: the first write fails.
  child.stdout?.destroy()
  let message = ''
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    message += text
  })
  t.teardown(() => child.kill('SIGKILL'))
  const code = await new Promise((resolve) => child.on('close', resolve))
  return { code, stderr: message }
}

t.test('commands end with 141 when the reader ends, and with 1 when the disk is full', async (t) => {
  const database = await testDatabase(t)
  await database.query(MINIMUM)
  const env = {
    DATABASE_URL: database.url,
    TRATTA_API_URL: 'http://127.0.0.1:1/api/v1',
    TRATTA_API_TOKEN: 'token',
  }
  const commands = [
    ['help'],
    ['lookup', '123456'],
    ['lookup', '123456', '--json'],
    ['migrate', '--status'],
    ['check', '--quick'],
    ['bulk', 'status'],
    ['bulk', 'push', '--dry-run', '--json'],
  ]
  for (const command of commands)
    t.same(
      await runWith(t, command, env, 'pipe'),
      { code: 141, stderr: '' },
      `${command.join(' ')} | true: no message, and the exit code of SIGPIPE`,
    )
  const full = openSync('/dev/full', 'w')
  t.teardown(() => closeSync(full))
  for (const command of commands)
    t.same(
      await runWith(t, command, env, full),
      { code: 1, stderr: 'Standard output cannot be written (ENOSPC): it is not complete\n' },
      `${command.join(' ')} > /dev/full`,
    )
  t.match(await runWith(t, ['lookup'], env, full, full), { code: 2 }, 'a full standard error changes nothing')
})

t.test('lookup escapes control and direction characters of the data, except with --json', async (t) => {
  const database = await testDatabase(t)
  await database.query(`insert into tratta_jit.customers (external_id, name) values ('c', E'Ann \\u009b31m \\u007f \\u202e');
    insert into tratta_jit.debt_accounts (external_id, customer_external_id, balance) values ('a', 'c', 5)`)
  const env = { DATABASE_URL: database.url }
  const { stdout } = await run(t, ['lookup', 'a'], env)
  t.match(stdout, '"name": "Ann \\u009b31m \\u007f \\u202e"')
  t.notMatch(stdout, /[^\P{Cc}\n]|\u202e/u)
  t.equal(JSON.parse(stdout).data.customer.name, 'Ann \u009b31m \u007f \u202e')
  const { lines } = await run(t, ['lookup', 'a', '--json'], env)
  t.match(lines, [{ payload: { data: { customer: { name: 'Ann \u009b31m \u007f \u202e' } } } }])
})
