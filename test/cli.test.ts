import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import t from 'tap'
import { createProgram } from '../src/commands/create-program.ts'
import { AGENCY_SCHEMA } from './support/agency-schema.ts'
import { MINIMUM, testDatabase } from './support/database.ts'
import { program, run, SECRET } from './support/program.ts'

const SEE_HELP = 'Run `tratta-jit help COMMAND` to see its arguments and options.'

t.test('help, help COMMAND and COMMAND --help: the same usage text', async (t) => {
  const { code, stdout, stderr } = await run(t, ['help'])
  t.same([code, stderr], [0, ''])
  for (const word of ['serve', 'migrate', 'lookup', 'demo', 'DATABASE_URL', 'LOG_LEVEL', 'Exit codes'])
    t.match(stdout, word)
  t.match(await run(t, []), { code: 2, stdout })
  t.match(await run(t, ['import', '--help']), { code: 0, stdout: '(choices: "cents", "dollars")' })
  for (const command of [['lookup'], ['bulk'], ['bulk', 'errors']]) {
    const help = await run(t, [...command, '--help'])
    t.match(help, { code: 0, stderr: '', stdout: `Usage: tratta-jit ${command.join(' ')} ` })
    t.same(await run(t, ['help', ...command]), help, command.join(' '))
  }
  t.match(await run(t, ['--version']), { code: 0, stdout: /^\d+\.\d+\.\d+\n$/ })
})

t.test('every option of every command has a description', async (t) => {
  const commands = (command: Command): Command[] => [command, ...command.commands.flatMap(commands)]
  for (const command of commands(createProgram(() => {}))) {
    t.ok(command.description(), command.name())
    for (const { flags, description } of command.options) t.ok(description, `${command.name()} ${flags}`)
  }
})

t.test('usage errors: exit code 2, the reason and a suggestion', async (t) => {
  for (const [args, message] of [
    [['lookup'], "Missing required argument 'ID'"],
    [['lookup', 'a', 'b'], "Too many arguments for 'lookup'. Expected 1 argument but got 2: a, b."],
    [['serve', 'now'], "Too many arguments for 'serve'. Expected 0 arguments but got 1: now."],
    [['bulk', 'pul'], "Unknown command 'pul'\n(Did you mean push?)"],
    [['bulk', 'push', '--limit', 'few'], '--limit must be a number of rows.'],
    [['import', 'f', '--money', 'euros'], 'Allowed choices are cents, dollars.'],
    [['lokup', 'a'], "Unknown command 'lokup'\n(Did you mean lookup?)"],
    [['launch'], "Unknown command 'launch'"],
    [['migrate', '--stats'], "Unknown option '--stats'\n(Did you mean --status?)"],
  ] as const) {
    const { code, stdout, stderr } = await run(t, [...args])
    t.same([code, stdout], [2, ''], args.join(' '))
    t.match(stderr, message)
    t.match(stderr, SEE_HELP)
  }
  t.match(await run(t, ['bulk']), { code: 2, stdout: '', stderr: 'Usage: tratta-jit bulk' })
})

t.test('a misspelled setting: exit code 2, and the setting that is meant', async (t) => {
  const env = { DATABASE_URL: 'postgres://127.0.0.1:1/none' }
  t.match(await run(t, ['lookup', 'a'], { ...env, DATABASE_SHEMA: 'agency', JIT_SECRET_FILES: '/s' }), {
    code: 2,
    stdout: '',
    stderr:
      'The settings are not valid:\n  DATABASE_SHEMA is not a setting: did you mean DATABASE_SCHEMA?\n' +
      '  JIT_SECRET_FILES is not a setting: did you mean JIT_SECRET_FILE?\n',
  })
  // Variables of other programs, and names that are similar to a setting that is set.
  const others = { DATABASE_USER: 'a', DATABASE_URI: 'b', HOSTS: 'c', LOG_LEVELS: 'd' }
  t.match(await run(t, ['lookup', 'a'], { ...env, ...others }), { code: 1, stderr: 'ECONNREFUSED' })
})

t.test('completion bash and zsh: commands, options and choices', async (t) => {
  const complete = (shell: string, words: string[]) => {
    const script = [
      `source <("${process.execPath}" src/cli.ts completion ${shell})`,
      `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}) COMP_CWORD=${words.length - 1}`,
      `_tratta_jit; echo "\${COMPREPLY[@]}"`,
    ]
    return spawnSync('bash', ['-c', script.join('\n')], { encoding: 'utf8' }).stdout.trim()
  }
  for (const [words, expected] of [
    [['tratta-jit', 'lo'], 'lookup'],
    [['tratta-jit', 'bulk', 'st'], 'status'],
    [['tratta-jit', 'bulk', 'push', '--dry'], '--dry-run'],
    [['tratta-jit', 'import', 'file.csv', '--money', ''], 'cents dollars'],
  ] as const)
    t.equal(complete('bash', [...words]), expected, words.join(' '))
  t.match(await run(t, ['completion', 'zsh']), { code: 0, stdout: /^autoload .* bashcompinit\n_tratta_jit/ })
  t.match(await run(t, ['completion', 'fish']), { code: 2, stderr: 'Allowed choices are bash, zsh.' })
})

t.test('npm link and npx: the tratta-jit command, which checks the version of Node', async (t) => {
  const prefix = t.testdir()
  const start = (command: string, args: string[]) =>
    spawnSync(command, args, {
      encoding: 'utf8',
      env: { ...process.env, npm_config_prefix: prefix, DATABASE_URL: 'postgres://127.0.0.1:1/none' },
    })
  t.equal(start('npm', ['link']).status, 0)
  for (const [command, ...args] of [[join(prefix, 'bin/tratta-jit')], ['npx', 'tratta-jit']] as const) {
    t.match(start(command, [...args, '--version']), { status: 0, stdout: /^\d+\.\d+\.\d+\n$/ })
    const checked = start(command, [...args, 'check', '--quick', '--json'])
    for (const line of checked.stdout.trim().split('\n')) t.ok(JSON.parse(line), line)
  }
  const old =
    'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.1.0"}})'
  const { status, stderr } = start(process.execPath, ['--import', old, 'bin/tratta-jit.mjs', '--version'])
  t.match(
    { status, stderr },
    { status: 1, stderr: /^tratta-jit needs Node 24 or newer. This is Node 20.1.0.\n/ },
  )
})

t.test('lookup: the payload and the omitted fields, or the error', async (t) => {
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

t.test('serve: errors of the start, then events from migration to stop', async (t) => {
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
  const rejected = await run(t, ['serve'], { ...env, DATABASE_URL: wrongPassword.href })
  t.match(rejected, {
    code: 1,
    stderr:
      'The database cannot be used: Postgres rejects the user or the password. Check the user and the password in DATABASE_URL. Percent-encode #, /, ?, @ and % in it.\n',
  })
  t.notMatch(rejected.stdout + rejected.stderr, 'wrong-password')

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

t.test('serve while nothing accepts connections: waits for the database', async (t) => {
  const running = program(t, ['serve'], { DATABASE_URL: 'postgres://127.0.0.1:1/none', JIT_SECRET: SECRET })
  t.match(await running.line((line) => line.event === 'waiting_for_database'), {
    error: { code: 'ECONNREFUSED' },
  })
})
