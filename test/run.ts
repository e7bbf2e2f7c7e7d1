/**
 * `npm test [-- FILE…]`: one real Postgres for all tests, then tap, then a look through everything that was
 * logged meanwhile. Leaves no process and no file, in whatever way it ends.
 */
import { spawn } from 'node:child_process'
import { globSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startEmbeddedPostgres } from '../src/database/embedded-postgres.ts'
import { createTemplate } from './database.ts'

/** Wants the machine for itself: it calls at a constant rate. */
const ALONE = 'test/responder/faults.test.ts'
const LAST = 'test/logged.test.ts'

const given = process.argv.slice(2)
const together = globSync('test/**/*.test.ts').filter((file) => file !== ALONE && file !== LAST)
const postgres = await startEmbeddedPostgres({ settings: { max_connections: '300' } })
const logs = join(postgres.directory, 'logs')
let exitCode = 0
try {
  mkdirSync(logs)
  // Right after `npm ci` tap still holds the plugins that it came with, not those of .taprc.
  await tap('build')
  await createTemplate(postgres.url)
  for (const [at, files] of (given.length > 0 ? [given] : [together, [ALONE], [LAST]]).entries()) {
    const code = await tap('run', `--output-file=${join(logs, `${at}.tap`)}`, ...files)
    exitCode ||= code
  }
  console.log(counts())
} finally {
  await postgres.stop()
}
process.exit(exitCode)

function tap(...words: string[]) {
  const child = spawn('tap', words, {
    stdio: 'inherit',
    env: { ...process.env, TEST_POSTGRES_URL: postgres.url, TEST_LOGS: logs },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal))
  return new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? 1)))
}

/** A line that any CI reads: tap's own summary is for people. */
function counts() {
  const sums = globSync(join(logs, '*.tap')).map((file) => readFileSync(file, 'utf8'))
  const sum = (what: string) =>
    sums.reduce(
      (sum, text) => sum + Number(new RegExp(`^# \\{.*\\b${what}: (\\d+)`, 'm').exec(text)?.[1] ?? 0),
      0,
    )
  return `${sum('pass')} passed, ${sum('fail')} failed`
}
