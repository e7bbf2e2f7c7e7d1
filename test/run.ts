/**
 * `npm test [-- FILE…]` and `npm run test:slow`: starts one real Postgres for all tests, runs tap, then searches
 * everything that the tests logged. Leaves no process and no file, however it ends.
 */
import { spawn } from 'node:child_process'
import { createWriteStream, globSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startEmbeddedPostgres } from '../src/development/embedded-postgres.ts'
import { createTemplate } from './support/database.ts'

/** `npm run test:slow` runs these, each alone: fault drills that load the machine or call at a constant rate. */
const SLOW = [
  'test/responder/faults.test.ts',
  'test/responder/large-answers.test.ts',
  'test/calls/faults.test.ts',
  'test/bulk/killed.test.ts',
]
const LOGS = 'test/logged.test.ts'
const SHOWN = 10

const args = process.argv.slice(2)
const fast = globSync('test/**/*.test.ts').filter((file) => !SLOW.includes(file) && file !== LOGS)
const runs =
  args[0] === '--slow' ? [...SLOW.map((file) => [file]), [LOGS]] : args.length > 0 ? [args] : [fast, [LOGS]]
const postgres = await startEmbeddedPostgres({ settings: { max_connections: '400' } })
const logs = join(postgres.directory, 'logs')
let exitCode = 0
try {
  mkdirSync(logs)
  // Right after `npm ci` tap still has its default plugins, not those of .taprc.
  await tap('build')
  await createTemplate(postgres.url)
  for (const [index, files] of runs.entries()) {
    const code = await tap('run', index, ...files)
    exitCode ||= code
  }
  console.log(summary())
} finally {
  await postgres.stop()
}
process.exit(exitCode)

/** @param index names the file that keeps the TAP output */
function tap(command: string, index?: number, ...files: string[]) {
  const file = index === undefined ? undefined : join(logs, `${index}.tap`)
  const isTerminal = process.stdout.isTTY
  // With raw TAP as its report, tap prints every line twice when it also writes a file.
  const output = file && isTerminal ? [`--output-file=${file}`] : []
  const child = spawn('tap', [command, ...output, ...files], {
    stdio: ['inherit', isTerminal ? 'inherit' : 'pipe', 'inherit'],
    env: {
      ...process.env,
      TEST_POSTGRES_URL: postgres.url,
      TEST_LOGS: logs,
      ...(args[0] === '--slow' && { TEST_SLOW: '1' }),
      NODE_COMPILE_CACHE: join(postgres.directory, 'compile-cache'),
    },
  })
  child.stdout?.pipe(process.stdout, { end: false })
  if (file) child.stdout?.pipe(createWriteStream(file))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal))
  return new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? 1)))
}

/** The slowest files, and the counts in a line that any CI reads: tap's own summary is for people. */
function summary() {
  const text = globSync(join(logs, '*.tap'))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n')
  const sum = (what: string) =>
    [...text.matchAll(new RegExp(`^# \\{.*\\b${what}: (\\d+)`, 'gm'))].reduce(
      (sum, [, n]) => sum + Number(n),
      0,
    )
  const slowest = [...text.matchAll(/^(?:not )?ok \d+ - (\S+\.ts) # time=([\d.]+)/gm)]
    .map(([, file, ms]) => ({ file, seconds: Number(ms) / 1000 }))
    .sort((a, b) => b.seconds - a.seconds)
    .slice(0, SHOWN)
    .map(({ file, seconds }) => `${seconds.toFixed(1).padStart(7)} s  ${file}\n`)
  return `\nSlowest files\n${slowest.join('')}\n${sum('pass')} passed, ${sum('fail')} failed`
}
