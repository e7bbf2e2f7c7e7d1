/**
 * `npm run mutate -- FILE… [--tests FILE]… [--sample N] [--seed N] [--texts]`: changes one thing at a time in a copy
 * of the checkout, and runs the nearest tests. A mutant survives when they pass. StrykerJS was considered: it needs
 * the compiler API that TypeScript 7 does not have, and its switch does not reach programs that a test starts.
 */
import { spawn, spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { startEmbeddedPostgres } from '../src/development/embedded-postgres.ts'
import { createTemplate } from '../test/support/database.ts'
import { findMutants, type Mutant } from './mutants.ts'

/** A run that takes longer than this many times the run without a mutant has noticed it. */
const SLOWER = 3
const MIN_TIMEOUT_MS = 20_000
const SHOWN_CHARACTERS = 60

const { values: options, positionals: files } = parseArgs({
  allowPositionals: true,
  options: {
    tests: { type: 'string', multiple: true },
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
    texts: { type: 'boolean', default: false },
  },
})

// Node calls the removal of types experimental.
process.removeAllListeners('warning')
const postgres = await startEmbeddedPostgres({ settings: { max_connections: '400', fsync: 'off' } })
const copy = join(postgres.directory, 'checkout')
const logs = join(postgres.directory, 'logs')
let isComplete = false
try {
  copyCheckout()
  await createTemplate(postgres.url)
  const rows: string[] = []
  for (const file of files) rows.push(await mutateFile(file))
  console.log(['', 'file | mutants | caught | survived | %', ...rows].join('\n'))
  isComplete = files.length > 0
} finally {
  await postgres.stop()
}
process.exit(isComplete ? 0 : 1)

function copyCheckout() {
  const { stdout } = spawnSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' })
  for (const file of stdout.split('\n').filter(existsSync)) cpSync(file, join(copy, file))
  mkdirSync(logs)
  symlinkSync(resolve('node_modules'), join(copy, 'node_modules'))
}

/** @returns the row of the table */
async function mutateFile(file: string): Promise<string> {
  const source = readFileSync(join(copy, file), 'utf8')
  const tests = options.tests ?? nearestTests(file)
  console.log(`${file}: ${tests.join(' ')}`)
  const begun = performance.now()
  if (await isNoticed(tests, 600_000)) throw new Error('the tests fail without a mutant')
  const timeoutMs = Math.max(MIN_TIMEOUT_MS, SLOWER * (performance.now() - begun))
  const mutants = sample(findMutants(source, options))
  let survived = 0
  for (const mutant of mutants) {
    writeFileSync(join(copy, file), source.slice(0, mutant.start) + mutant.after + source.slice(mutant.end))
    if (await isNoticed(tests, timeoutMs)) continue
    survived += 1
    console.log(`  survived  ${file}:${mutant.line}  ${shown(mutant.before)}  →  ${shown(mutant.after)}`)
  }
  writeFileSync(join(copy, file), source)
  const caught = mutants.length - survived
  return [file, mutants.length, caught, survived, Math.round((100 * caught) / mutants.length)].join(' | ')
}

/** The test with the name of the file, and those that import the file; otherwise the tests of its folder. */
function nearestTests(file: string): string[] {
  const own = file.replace(/^src/, 'test').replace(/\.ts$/, '.test.ts')
  const imported = `/${file}'`
  const found = globSync('test/**/*.test.ts').filter(
    (test) => test === own || readFileSync(test, 'utf8').includes(imported),
  )
  return found.length > 0
    ? found.sort((a) => (a === own ? -1 : 1))
    : globSync(join(dirname(own), '*.test.ts'))
}

function sample(mutants: Mutant[]): Mutant[] {
  const rank = (mutant: Mutant) => hash('sha1', `${options.seed} ${mutant.start} ${mutant.after}`)
  return mutants
    .map((mutant) => ({ mutant, rank: rank(mutant) }))
    .sort((one, other) => (one.rank < other.rank ? -1 : 1))
    .slice(0, Number(options.sample ?? mutants.length))
    .map(({ mutant }) => mutant)
    .sort((one, other) => one.start - other.start)
}

/** Whether one of the tests fails, or does not end in time. */
async function isNoticed(tests: string[], timeoutMs: number): Promise<boolean> {
  for (const test of tests) {
    const child = spawn(process.execPath, [test], {
      cwd: copy,
      // A group of its own, so that the programs that a test starts end with it.
      detached: true,
      stdio: 'ignore',
      env: {
        ...process.env,
        TEST_POSTGRES_URL: postgres.url,
        TEST_LOGS: logs,
        TAP_BAIL: '1',
        TAP_TIMEOUT: String(timeoutMs / 1000),
        NODE_COMPILE_CACHE: join(postgres.directory, 'compile-cache'),
      },
    })
    const end = () => {
      try {
        process.kill(-child.pid!, 'SIGKILL')
      } catch {}
    }
    const timer = setTimeout(end, timeoutMs)
    const code = await new Promise<number | null>((done) => child.on('exit', done))
    clearTimeout(timer)
    end()
    await dropDatabases()
    if (code !== 0) return true
  }
  return false
}

/** A test that was ended has not dropped its databases. */
async function dropDatabases() {
  const client = new pg.Client(postgres.url)
  await client.connect()
  const { rows } = await client.query<{ name: string }>(
    `select datname as name from pg_database where datname like 'test\\_%'`,
  )
  for (const { name } of rows) await client.query(`drop database ${name} with (force)`)
  await client.end()
}

function shown(text: string) {
  const line = text.replaceAll(/\s+/g, ' ')
  return line.length > SHOWN_CHARACTERS ? `${line.slice(0, SHOWN_CHARACTERS)}…` : line || '(nothing)'
}
