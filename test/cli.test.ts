import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { AGENCY_SCHEMA } from './agency-schema.ts'
import { MINIMUM, testDatabase } from './database.ts'
import { program, run, SECRET } from './program.ts'

t.test('help', async (t) => {
  const { code, stdout, stderr } = await run(t, ['help'])
  t.same([code, stderr], [0, ''])
  for (const word of ['serve', 'migrate', 'lookup', 'demo', 'DATABASE_URL', 'LOG_LEVEL', 'Exit codes'])
    t.match(stdout, word)
  t.match(await run(t, ['lookup', '--help']), { code: 0, stdout: /^tratta-jit lookup ID/ })
  t.match(await run(t, ['bulk', 'errors', '--help']), {
    code: 0,
    stdout: /^tratta-jit bulk errors \[BULK_ID\] \[--rows\] \[--json\] \[--csv\]/,
  })
  t.match(await run(t, []), { code: 2, stdout })
})

t.test('wrong use', async (t) => {
  for (const [args, message] of [
    [['lookup'], 'lookup takes ID. See tratta-jit help.'],
    [['lookup', 'a', 'b'], 'lookup takes ID. See tratta-jit help.'],
    [['serve', 'now'], 'serve takes no words. See tratta-jit help.'],
    [['bulk'], 'bulk is one of: bulk push, bulk errors, bulk status. See tratta-jit help.'],
    [['bulk', 'pull'], 'bulk is one of: bulk push, bulk errors, bulk status. See tratta-jit help.'],
    [['bulk', 'push', 'now'], 'bulk push takes no words. See tratta-jit help.'],
    [['bulk', 'push', '--limit', 'few'], '--limit takes a number of customers. See tratta-jit help.'],
    [['bulk', 'errors', 'a', 'b'], 'bulk errors takes [BULK_ID]. See tratta-jit help.'],
    [['launch'], 'There is no command "launch". See tratta-jit help.'],
    [['migrate', '--force'], "Unknown option '--force'"],
  ] as const)
    t.match(await run(t, [...args]), { code: 2, stdout: '', stderr: message }, args.join(' '))
})

t.test('lookup', async (t) => {
  const database = await testDatabase(t)
  await database.query(readFileSync('sample/accounts.sql', 'utf8'))
  await database.query(MINIMUM)
  await database.query(`${AGENCY_SCHEMA}
    insert into agency.customers (external_id, name, email) values ('c', 'Ann', 'nowhere');
    insert into agency.debt_accounts (external_id, customer_external_id, balance) values ('a', 'c', 5), ('b', null, null)`)
  const ours = { DATABASE_URL: database.url }
  const theirs = { ...ours, DATABASE_SCHEMA: 'agency' }
  const payload = (data: object) => `${JSON.stringify({ data }, null, 2)}\n`

  t.same(await run(t, ['lookup', '123456'], ours), {
    code: 0,
    stdout: payload({ debt_account: { external_id: '123456', balance: 2000 } }),
    stderr: '',
    lines: [],
  })
  t.match(await run(t, ['lookup', 'a'], theirs), {
    code: 0,
    stdout: payload({
      customer: { external_id: 'c', name: 'Ann' },
      debt_account: { external_id: 'a', balance: 5 },
    }),
    stderr: 'omitted: customer.email must be an e-mail address\n',
  })
  t.same((await run(t, ['lookup', 'a', '--json'], theirs)).lines, [
    {
      payload: {
        data: { customer: { external_id: 'c', name: 'Ann' }, debt_account: { external_id: 'a', balance: 5 } },
      },
      omitted: [{ field: 'customer.email', reason: 'must be an e-mail address' }],
    },
  ])
  t.match(await run(t, ['lookup', 'b'], theirs), {
    code: 1,
    stdout: '',
    stderr: 'Tratta would get an error: debt_account.balance is missing\n',
  })
  t.match(await run(t, ['lookup', 'nobody'], ours), { code: 1, stdout: '', stderr: 'No such debt account\n' })
  t.same((await run(t, ['lookup', 'nobody', '--json'], ours)).lines, [{ error: 'No such debt account' }])
  t.match(await run(t, ['lookup', 'a'], { ...ours, DATABASE_SCHEMA: 'nowhere' }), {
    code: 1,
    stderr: 'there is no schema nowhere with debt_accounts, customers and locations\n',
  })
})

t.test('serve', async (t) => {
  const database = await testDatabase(t, { migrated: false })
  const env = {
    DATABASE_URL: database.url,
    JIT_SECRET: SECRET,
    HOST: '127.0.0.1',
    PORT: '0',
    ADMIN_PORT: '0',
  }

  t.match(await run(t, ['serve', '--no-migrate'], env), {
    code: 1,
    stderr:
      'The database cannot be used: there is no schema tratta_jit with debt_accounts, customers and locations\n',
  })
  const wrongPassword = new URL(database.url)
  wrongPassword.password = 'wrong-password'
  const refused = await run(t, ['serve'], { ...env, DATABASE_URL: wrongPassword.href })
  t.match(refused, {
    code: 1,
    stderr:
      'The database cannot be used: Postgres rejects the user or the password. Check the user and the password in DATABASE_URL. Percent-encode #, /, ?, @ and % in it\n',
  })
  t.notMatch(refused.stdout + refused.stderr, 'wrong-password')

  const running = program(t, ['serve'], env)
  const { port } = await running.line((line) => line.event === 'serving')
  t.match(await run(t, ['serve'], { ...env, PORT: String(port) }), {
    code: 1,
    stderr: `Port ${port} (PORT) is in use by another program. Stop that program, or set PORT to a free port.\n`,
  })
  running.process.kill('SIGINT')
  t.same(await running.ended, { code: 0, signal: null })
  t.same(
    running.lines().map((line) => line.event),
    [...readdirSync('migrations').map(() => 'migrated'), 'serving', 'stopping', 'stopped'],
  )
  t.equal(running.stderr(), '')
})

t.test('serve waits for a database that comes up after it', async (t) => {
  const running = program(t, ['serve'], { DATABASE_URL: 'postgres://127.0.0.1:1/none', JIT_SECRET: SECRET })
  t.match(await running.line((line) => line.event === 'waiting_for_database'), {
    error: { code: 'ECONNREFUSED' },
  })
})
