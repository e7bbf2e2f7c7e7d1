/** `node make-demo-secrets.ts FOLDER`: what docker-compose.yml reads from files, each made once and then kept. */
import { randomBytes } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const [folder = '.'] = process.argv.slice(2)
const password = randomBytes(24).toString('base64url')

// The last one is written only where all of them are.
const SECRETS = {
  jit_secret: randomBytes(32).toString('base64url'),
  database_password: password,
  database_url: `postgres://tratta_jit:${password}@database:5432/agency`,
}

if (!existsSync(join(folder, 'database_url')))
  // Postgres and the service read it as users of their own.
  for (const [name, secret] of Object.entries(SECRETS))
    writeFileSync(join(folder, name), secret, { mode: 0o444 })
