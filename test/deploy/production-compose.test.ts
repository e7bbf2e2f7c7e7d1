/** Compares docker-compose.production.yml with the settings, and runs its service with its environment. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { SETTINGS } from '../../src/settings.ts'
import { freePort } from '../support/child-process.ts'
import { MINIMUM, testDatabase } from '../support/database.ts'
import { run, SECRET, startCommand } from '../support/program.ts'
import { passes } from '../support/run-external-program.ts'
import { startSimulator } from '../support/simulator.ts'

const FILE = 'docker-compose.production.yml'

interface Service {
  environment: Record<string, string>
  secrets: string[]
  ports: string[]
  read_only: boolean
  cap_drop: string[]
}

const { services, secrets } = parse(readFileSync(FILE, 'utf8')) as {
  services: { responder: Service }
  secrets: Record<string, { file: string }>
}
const { responder } = services

t.test('the service has only settings and secrets that exist, and little privilege', async (t) => {
  for (const name of Object.keys(responder.environment))
    t.ok(Object.hasOwn(SETTINGS, name.replace(/_FILE$/, '')), name)
  t.same(responder.secrets, Object.keys(secrets))
  t.same(
    Object.values(responder.environment)
      .filter((value) => value.startsWith('/run/secrets/'))
      .sort(),
    responder.secrets.map((name) => `/run/secrets/${name}`).sort(),
  )
  for (const port of responder.ports) t.match(port, /^127\.0\.0\.1:/, 'published on loopback only')
  t.match(responder, { read_only: true, cap_drop: ['ALL'] })
  t.match(readFileSync('.gitignore', 'utf8'), /^\/secrets$/m, 'the secrets are not committed')
  t.match(readFileSync('.dockerignore', 'utf8'), /^(\*|secrets)$/m, 'the secrets are not in the image')
  passes(t, 'docker-compose', ['--file', FILE, 'config', '--quiet'])
})

t.test('with its environment and secret files, serve answers a trigger', async (t) => {
  const database = await testDatabase(t)
  await database.query(MINIMUM)
  const { simulator } = await startSimulator(t)
  const values: Record<string, string> = {
    'database-url': database.url,
    'jit-secret': SECRET,
    'tratta-api-token': 'simulated-token',
  }
  const folder = join(t.testdir(), 'secrets')
  mkdirSync(folder)
  for (const name of responder.secrets) writeFileSync(join(folder, name), `${values[name]}\n`)
  const [port, adminPort] = [await freePort(), await freePort()]
  const given = Object.entries(responder.environment).map(([name, value]) => [
    name,
    value.replace('/run/secrets', folder),
  ])
  const env = {
    ...(Object.fromEntries(given) as Record<string, string>),
    TRATTA_API_URL: simulator.url,
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    TRATTA_REGISTER: 'auto',
    ADMIN_HOST: '127.0.0.1',
    HOST: '127.0.0.1',
    PORT: String(port),
    ADMIN_PORT: String(adminPort),
  }
  const serving = startCommand(t, [process.execPath, 'bin/tratta-jit.mjs', 'serve'], env)
  await serving.line(({ event }) => event === 'registered')
  t.match(await run(t, ['trigger', '123456', '--json'], env), { code: 0, lines: [{ accepted: true }] })
})
