/**
 * `play-compose.ts ROOT WORK`: starts the services of docker-compose.yml with their commands and environment, without
 * Docker. ROOT is the file system of the image; WORK contains its image.json. Needs separate network and mount
 * namespaces, see prove.sh. Ends with exit code 1 if a check fails.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { startEmbeddedPostgres } from '../../src/development/embedded-postgres.ts'
import { type ComposeService, readCompose } from './compose.ts'
import { type Image, prepareRoot, processIn, run, start } from './contained.ts'

const [root = '', work = ''] = process.argv.slice(2)
const ACCOUNT = 'A-500100'
const { services } = readCompose()
const { secrets, database, tratta, responder, accounts } = services as Record<
  'secrets' | 'database' | 'tratta' | 'responder' | 'accounts',
  ComposeService
>
const image: Image = {
  root,
  config: JSON.parse(readFileSync(join(work, 'image.json'), 'utf8')).Docker.config,
}
const { config } = image

let failed = 0
function check(holds: boolean, what: string, seen: string | number | null = '') {
  console.log(`${holds ? 'ok' : 'not ok'} - ${what}${seen === '' ? '' : `: ${seen}`}`)
  if (!holds) failed += 1
}

async function until(holds: () => Promise<boolean>) {
  for (let tries = 0; tries < 120; tries++) {
    if (await holds()) return true
    await pause(500)
  }
  return false
}

const isAnswered = (url: string) =>
  fetch(url).then(
    () => true,
    () => false,
  )

console.log('# contents of the image')
const packagesIn = (file: string): Record<string, { dev?: boolean; version: string }> =>
  JSON.parse(readFileSync(file, 'utf8')).packages
const forProduction = Object.entries(packagesIn('package-lock.json')).filter(
  ([path, { dev }]) => path && !dev,
)
const installed = packagesIn(join(root, 'app/node_modules/.package-lock.json'))
check(
  forProduction.every(([path]) => installed[path]) && Object.keys(installed).length === forProduction.length,
  'the image has exactly the production packages',
  Object.keys(installed).length,
)
for (const [path, { version }] of Object.entries(installed))
  console.log(`    ${path.replace(/^node_modules\//, '')} ${version}`)
const programs = globSync('**/{bin,sbin}/*', { cwd: root, exclude: (name) => name === 'node_modules' })
const OURS = ['app/bin/compile.mjs', 'app/bin/tratta-jit.mjs', 'usr/local/bin/tratta-jit']
check(
  programs.sort().join() === [...OURS, 'usr/local/bin/node'].sort().join(),
  'the only program is Node, besides ours',
  programs.join(' '),
)
const libraries = globSync('**/*.so*', { cwd: root, exclude: (name) => name === 'node_modules' })
console.log(`    ${libraries.sort().join('\n    ')}`)
check(config.User === '65532:65532', 'the user is not root', config.User)

console.log('# docker-compose.yml without Docker')
execFileSync('ip', ['link', 'set', 'lo', 'up'])
const secretsFolder = join(work, 'secrets')
mkdirSync(secretsFolder)
const inWork = (path: string) => path.replace('/run/secrets', secretsFolder)
prepareRoot(root, '127.0.0.1 localhost database tratta responder\n', {
  [secretsFolder]: '/run/secrets',
  'deploy/make-demo-secrets.ts': '/make-demo-secrets.ts',
})

check((await run(image, secrets.command!, {}, secrets.user)).code === 0, 'the secrets are created')
const postgres = await startEmbeddedPostgres({ port: 5432 })
try {
  const { POSTGRES_USER, POSTGRES_DB, POSTGRES_PASSWORD_FILE = '' } = database.environment!
  const client = new pg.Client(postgres.url)
  await client.connect()
  const password = client.escapeLiteral(readFileSync(inWork(POSTGRES_PASSWORD_FILE), 'utf8'))
  await client.query(`create role ${POSTGRES_USER} superuser login password ${password}`)
  await client.query(`create database ${POSTGRES_DB} owner ${POSTGRES_USER}`)
  await client.end()
  const simulated = start(image, tratta.command!)
  check(await until(() => isAnswered('http://127.0.0.1:8090/')), 'the simulated Tratta answers')

  const env = responder.environment!
  const healthCheck = config.Healthcheck.Test.slice(1)
  const health = async () => (await run(image, healthCheck, env)).code
  check((await health()) === 1, 'HEALTHCHECK fails before the service runs')
  const started = performance.now()
  const serving = start(image, config.Cmd, env)
  serving.stdout!.resume()
  serving.stderr!.pipe(process.stderr)
  check(await until(() => isAnswered('http://127.0.0.1:8080/health/ready')), 'the service is ready')
  console.log(`    start to ready: ${Math.round(performance.now() - started)} ms`)
  check((await health()) === 0, 'HEALTHCHECK succeeds when the service runs')
  const { pid, field } = processIn(serving)
  check(field('Uid').join() === '65532,65532,65532,65532', 'the user of the process', field('Uid')[0])
  check(field('NSpid').at(-1) === '1', 'the process number', field('NSpid').at(-1))
  check(/^0+$/.test(field('CapEff')[0]!), 'the capabilities', field('CapEff')[0])
  const writing = `require('node:fs').writeFileSync('/app/written', '')`
  const { output } = await run(image, ['node', '-e', writing])
  check(output.includes('EROFS'), 'the root file system is read-only')
  check((await run(image, ['node', '-e', ''])).code === 0, 'a script that does not write succeeds')

  // With psql of this machine, and the paths of the files on this machine.
  const [shell = '', ...words] = accounts.command!
  const here = words.map((word) => inWork(word).replaceAll('$$', '$').replace('/sample/', 'sample/'))
  const psql = spawnSync(shell, here, { env: { ...process.env, PGHOSTADDR: '127.0.0.1' }, stdio: 'inherit' })
  check(psql.status === 0, 'the sample accounts are loaded', psql.status)
  const admin = async () =>
    (await (await fetch('http://127.0.0.1:9090/health')).json()) as { registration: string }
  check(await until(async () => (await admin()).registration === 'registered'), 'the URL is registered')
  const trigger = await run(image, ['tratta-jit', 'trigger', ACCOUNT], env)
  check(
    trigger.code === 0 && trigger.output.includes('Tratta accepted the response'),
    `trigger ${ACCOUNT}`,
    trigger.code,
  )
  const secret = readFileSync(join(secretsFolder, 'jit_secret'), 'utf8')
  const answer = await fetch(`http://127.0.0.1:8080/jit/${secret}?debt_account_external_id=${ACCOUNT}`)
  const { data } = (await answer.json()) as { data?: { debt_account: { external_id: string } } }
  check(
    answer.status === 200 && data?.debt_account.external_id === ACCOUNT,
    'a call is answered',
    answer.status,
  )

  postgres.signal('SIGQUIT')
  check(
    await until(async () => (await health()) === 1),
    'HEALTHCHECK fails while the database is unavailable',
  )
  await postgres.start()
  check(
    await until(async () => (await health()) === 0),
    'HEALTHCHECK succeeds when the database is available again',
  )
  console.log(`    peak memory: ${Math.round(Number(field('VmHWM')[0]) / 1024)} MB`)

  process.kill(pid, 'SIGTERM')
  const [code] = await Promise.race([once(serving, 'exit'), pause(15_000, ['still running'])])
  check(code === 0, 'SIGTERM to process 1: exit code', code)
  simulated.kill('SIGKILL')
} finally {
  await postgres.stop()
}
if (failed > 0) console.log(`${failed} failed`)
process.exit(failed > 0 ? 1 : 0)
