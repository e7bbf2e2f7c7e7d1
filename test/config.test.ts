import { readFileSync } from 'node:fs'
import t from 'tap'
import { isInsecureRemote } from '../src/config.ts'
import { SETTINGS } from '../src/settings.ts'
import { run, SECRET } from './support/program.ts'

t.test('invalid settings: one message that names every problem and no value', async (t) => {
  const { code, stdout, stderr } = await run(t, ['serve'], {
    DATABASE_URL: 'mysql://user:secret-password@host/db',
    JIT_SECRET: 'too-short',
    PORT: '99999',
    JIT_DEADLINE_MS: '9001',
    ALLOWED_CLIENTS: '10.0.0.0/33',
    TRUSTED_PROXIES: 'everybody',
    PUBLIC_URL: 'https://jit.agency.example/?a=b',
    TRATTA_API_TOKEN_FILE: '/nowhere/token',
    LOG_LEVEL: 'loud',
  })
  t.same(
    { code, stdout, stderr },
    {
      code: 2,
      stdout: '',
      stderr: `The settings are not valid:
  DATABASE_URL must be a postgres:// URL
  PORT must be a whole number from 0 to 65535
  PUBLIC_URL must be an http(s) URL without user, query and fragment
  JIT_SECRET must be 32 to 200 of the characters A-Z a-z 0-9 . _ ~ -
  JIT_DEADLINE_MS must be a whole number from 100 to 9000
  ALLOWED_CLIENTS must be a comma-separated list of addresses or CIDR ranges
  TRUSTED_PROXIES must be a comma-separated list of addresses or CIDR ranges
  TRATTA_API_TOKEN cannot be read from the file that TRATTA_API_TOKEN_FILE names (ENOENT)
  LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent
`,
    },
  )
})

t.test('missing settings: one message that names each', async (t) => {
  const { code, stderr } = await run(t, ['serve'])
  t.same(
    [code, stderr],
    [
      2,
      `The settings are not valid:
  DATABASE_URL is not set: URL of the database, postgres://user:password@host:port/database
  JIT_SECRET is not set: secret in the URL that is registered at Tratta, at least 32 URL-safe characters
`,
    ],
  )
})

t.test('JIT_SECRET_FILE: the secret is read from the file', async (t) => {
  const folder = t.testdir({ secret: `${SECRET}\n`, short: 'short\n' })
  const files = (file: string, more = {}) =>
    run(t, ['serve'], { DATABASE_URL: 'x', JIT_SECRET_FILE: `${folder}/${file}`, ...more })
  t.notMatch((await files('secret')).stderr, 'JIT_SECRET')
  t.match((await files('short')).stderr, 'JIT_SECRET must be 32 to 200 of the characters')
  t.match(
    (await files('secret', { JIT_SECRET: SECRET })).stderr,
    'JIT_SECRET is set twice, also by JIT_SECRET_FILE',
  )
})

t.test('.env.example lists every setting with its default', async (t) => {
  const listed = [...readFileSync('.env.example', 'utf8').matchAll(/^(#?)([A-Z][A-Z0-9_]*)=(.*)$/gm)]
  const fallback = (setting: { default?: string }) => setting.default ?? ''
  t.same(
    listed.map(([, , name]) => name),
    Object.keys(SETTINGS),
  )
  for (const [, , name = '', value] of listed) {
    const setting = SETTINGS[name as keyof typeof SETTINGS]
    if ('default' in setting) t.equal(value, fallback(setting), name)
  }
})

t.test('http is allowed for an API on this machine only', async (t) => {
  for (const url of [
    'http://localhost:1/a',
    'http://LOCALHOST',
    'http://127.0.0.1',
    'http://127.9.9.9:8',
    'http://[::1]:1',
  ])
    t.notOk(isInsecureRemote(url), url)
  for (const url of [
    'http://localhost.evil.example',
    'http://evil-localhost',
    'http://127.0.0.1.evil.example',
    'http://127.0.0.1x.example',
    'http://localhost.',
    'http://[::2]',
    'http://[::1:1]',
    'http://10.0.0.1',
    'http://api.example',
  ])
    t.ok(isInsecureRemote(url), url)
  t.notOk(isInsecureRemote('https://api.example'))
})
