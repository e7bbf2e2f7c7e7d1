/** `node make-demo-secrets.ts FOLDER`: creates the secret files of docker-compose.yml, unless they exist. */
import { randomBytes } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const [folder = '.'] = process.argv.slice(2)
const password = randomBytes(24).toString('base64url')

// database_url is written last: if it exists, all of them exist.
const SECRETS = {
  jit_secret: randomBytes(32).toString('base64url'),
  database_password: password,
  database_url: `postgres://tratta_jit:${password}@database:5432/agency`,
}

if (!existsSync(join(folder, 'database_url')))
  // Postgres and the service run as different users, and both read the files.
  for (const [name, secret] of Object.entries(SECRETS))
    writeFileSync(join(folder, name), secret, { mode: 0o444 })
