/** The systemd units: verified by systemd-analyze where it is installed, and run by their ExecStart lines. */
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { SETTINGS } from '../../src/settings.ts'
import { freePort } from '../support/child-process.ts'
import { MINIMUM, testDatabase } from '../support/database.ts'
import { run, SECRET, startCommand } from '../support/program.ts'
import { startSimulator } from '../support/simulator.ts'

const FOLDER = 'deploy/systemd'
const UNITS = ['tratta-jit-serve.service', 'tratta-jit-check.service', 'tratta-jit-import.service']
const TIMERS = ['tratta-jit-check.timer', 'tratta-jit-import.timer']
/** What the units expect at the server. */
const INSTALLED = '/opt/tratta-jit'
const NODE = '/usr/bin/node'

/** The assignments of a unit and its drop-in, in order. */
const assignments = (unit: string) =>
  [`${FOLDER}/${unit}`, ...globSync(`${FOLDER}/tratta-jit-.service.d/*.conf`)].flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => /^\w+=/.test(line))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const),
  )
const valuesOf = (unit: string, name: string) =>
  assignments(unit).flatMap(([key, value]) => (key === name ? [value] : []))

const settingsFile = () =>
  Object.fromEntries(
    readFileSync(`${FOLDER}/settings.env`, 'utf8')
      .split('\n')
      .filter((line) => /^\w+=/.test(line))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )

/** What systemd does: loads the credentials, expands the specifiers, and runs ExecStart. */
function prepare(t: Test, unit: string, secrets: Record<string, string>, settings: Record<string, string>) {
  const credentials = t.testdir()
  const files = Object.fromEntries(
    valuesOf(unit, 'LoadCredential').map((value) => value.split(':') as [string, string]),
  )
  t.same(
    Object.values(files).sort(),
    Object.keys(secrets)
      .map((name) => `/etc/tratta-jit/${name}`)
      .sort(),
    'the unit loads each secret from its file',
  )
  for (const name of Object.keys(files)) writeFileSync(join(credentials, name), `${secrets[name]}\n`)
  const expanded = (value: string) => value.replaceAll('%d', credentials).replaceAll('%C', credentials)
  const environment = valuesOf(unit, 'Environment')
    .flatMap((line) => line.split(' '))
    .map((item) => expanded(item).split('=') as [string, string])
  const [command = ''] = valuesOf(unit, 'ExecStart')
  const [node, ...words] = command.split(' ')
  t.equal(node, NODE)
  return {
    args: words.map((word) => word.replace(INSTALLED, resolve('.'))),
    env: { ...settings, ...Object.fromEntries(environment) },
  }
}

t.test('systemd-analyze accepts the units, and finds them well protected', async (t) => {
  if (spawnSync('systemd-analyze', ['--version']).error) {
    t.pass('skipped: apt install systemd', { skip: true })
    return
  }
  const root = t.testdir()
  const units = join(root, 'etc/systemd/system')
  mkdirSync(units, { recursive: true })
  cpSync('/usr/lib/systemd/system', join(root, 'usr/lib/systemd/system'), {
    recursive: true,
    verbatimSymlinks: true,
  })
  cpSync(FOLDER, units, { recursive: true })
  for (const file of [NODE, `${INSTALLED}/bin/tratta-jit.mjs`]) {
    mkdirSync(join(root, file, '..'), { recursive: true })
    writeFileSync(join(root, file), '')
    chmodSync(join(root, file), 0o755)
  }
  const { status, stdout, stderr } = spawnSync(
    'systemd-analyze',
    ['verify', `--root=${root}`, ...UNITS, ...TIMERS],
    {
      encoding: 'utf8',
    },
  )
  t.same(
    { status, output: (stdout + stderr).split('\n').filter((line) => line.includes('tratta-jit')) },
    { status: 0, output: [] },
  )
  for (const unit of UNITS) {
    const security = spawnSync('systemd-analyze', ['security', '--offline=true', `--root=${root}`, unit], {
      encoding: 'utf8',
    })
    const exposure = /Overall exposure level for \S+: ([\d.]+)/.exec(security.stdout)?.[1]
    t.ok(Number(exposure) < 2, `${unit}: exposure ${exposure}`)
  }
})

t.test('each unit and each setting has the name of something that exists', async (t) => {
  for (const timer of TIMERS) t.ok(existsSync(`${FOLDER}/${basename(timer, '.timer')}.service`), timer)
  for (const name of Object.keys(settingsFile())) t.ok(Object.hasOwn(SETTINGS, name), name)
  for (const unit of UNITS) t.same(valuesOf(unit, 'WorkingDirectory'), [INSTALLED], unit)
})

t.test('the units answer a trigger, check, and import', { timeout: 120_000 }, async (t) => {
  const database = await testDatabase(t)
  await database.query(MINIMUM)
  const { simulator } = await startSimulator(t)
  const [port, adminPort] = [await freePort(), await freePort()]
  const secrets = {
    'database-url': database.url,
    'jit-secret': SECRET,
    'tratta-api-token': 'simulated-token',
  }
  const settings: Record<string, string> = {
    ...settingsFile(),
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    TRATTA_API_URL: simulator.url,
    TRATTA_REGISTER: 'auto',
    PORT: String(port),
    ADMIN_PORT: String(adminPort),
  }
  const serve = prepare(t, 'tratta-jit-serve.service', secrets, settings)
  const serving = startCommand(t, [process.execPath, ...serve.args], serve.env)
  await serving.line(({ event }) => event === 'registered')
  const trigger = await run(t, ['trigger', '123456', '--json'], serve.env)
  t.match(trigger, { code: 0, lines: [{ accepted: true }] })

  const check = prepare(t, 'tratta-jit-check.service', secrets, settings)
  const checking = startCommand(t, [process.execPath, ...check.args], check.env)
  const { code } = await checking.ended
  t.ok([0, 3].includes(code ?? 1), checking.stdout() + checking.stderr())
  t.same(valuesOf('tratta-jit-check.service', 'SuccessExitStatus'), ['3'])

  const importing = prepare(t, 'tratta-jit-import.service', secrets, settings)
  const files: Record<string, string> = {
    '/var/lib/tratta-jit/accounts.csv': 'sample/accounts.csv',
    '/etc/tratta-jit/columns.json': 'sample/accounts.map.json',
  }
  const words = importing.args.map((word) => files[word] ?? word)
  t.equal(words.filter((word) => word.startsWith('sample/')).length, 2)
  const imported = startCommand(t, [process.execPath, ...words], importing.env)
  t.match(await imported.ended, { code: 0 }, imported.stderr())
})
