/**
 * Measures what takes too long for a test: node test/import/import.drill.ts [ROWS] [CALLS_PER_SECOND]
 *
 * Loads a CSV file of 2,000,000 accounts into empty tables, and with psql's \copy into a table of text columns; then
 * over existing accounts while the responder gets 50 calls per second; then once more.
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import type { Test } from 'tap'
import { startEmbeddedPostgres } from '../../src/development/embedded-postgres.ts'
import { type Call, percentile, tally } from '../support/calls.ts'
import { createTemplate, testDatabase } from '../support/database.ts'
import { peakMemory } from '../support/peak-memory.ts'
import { program, run, SECRET, service } from '../support/program.ts'
import { HEADER, writePortfolio } from './write-portfolio.ts'

const [rows = '2000000', rate = '50'] = process.argv.slice(2)
const ROWS = Number(rows)
const EXISTING_ROWS = Math.min(ROWS, 20_000)
const IDLE_MS = 20_000

const endings: (() => unknown)[] = []
const t = { teardown: (ending: () => unknown) => endings.push(ending) } as unknown as Test
const folder = mkdtempSync(join(tmpdir(), 'tratta-jit-import-'))
const postgres = await startEmbeddedPostgres({ settings: { shared_buffers: '2GB', max_wal_size: '8GB' } })
try {
  process.env.TEST_POSTGRES_URL = postgres.url
  await createTemplate(postgres.url)
  await drill()
} finally {
  for (const ending of endings.reverse()) await ending()
  await postgres.stop()
  rmSync(folder, { recursive: true })
}

async function drill() {
  const path = join(folder, 'portfolio.csv')
  await writePortfolio(path, ROWS, 2)
  console.log({ rows: ROWS, bytes: statSync(path).size, loadBefore: loadavg() })
  const alone = await testDatabase(t)
  const copied = await psqlCopy(alone.url, path)
  const loadedAlone = await load(path, alone.url)
  console.log('alone', {
    ...loadedAlone,
    psqlSeconds: copied,
    timesAsLongAsPsql: round(loadedAlone.seconds / copied),
  })

  const database = await testDatabase(t)
  const before = join(folder, 'before.csv')
  await writePortfolio(before, EXISTING_ROWS, 1)
  await run(t, ['import', before, '--money', 'cents'], { DATABASE_URL: database.url })
  const responder = await service(t, database.url, { LOG_LEVEL: 'info' })
  const url = `${responder.url}/jit/${SECRET}?debt_account_external_id=A-`
  const endIdle = startCalls(`${url}3`)
  await pause(IDLE_MS)
  const idle = await endIdle()

  const endCalls = startCalls(`${url}3`)
  const halves = watchHalves(responder.ask)
  const loaded = await load(path, database.url)
  const during = await endCalls()
  console.log('while calls are made', {
    ...loaded,
    loadAfter: loadavg(),
    idle: { p50: percentile(idle, 0.5), p99: percentile(idle, 0.99), ...tally(idle) },
    during: { p50: percentile(during, 0.5), p99: percentile(during, 0.99), ...tally(during) },
    p99Ratio: round(percentile(during, 0.99) / percentile(idle, 0.99)),
    ...(await halves.stop()),
  })
  console.log('again', await load(path, database.url))
}

/** @returns a function that ends the calls and returns them without the first second, which is a warm-up */
function startCalls(url: string): () => Promise<Call[]> {
  const caller = spawn(process.execPath, [join(import.meta.dirname, 'send-calls.ts'), url, rate], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const printed = text(caller.stdout)
  return async () => {
    caller.stdin.end()
    return JSON.parse(await printed).slice(Number(rate))
  }
}

function round(value: number) {
  return Math.round(value * 100) / 100
}

async function load(path: string, url: string) {
  const start = performance.now()
  const importing = program(t, ['import', path, '--money', 'cents', '--json'], { DATABASE_URL: url })
  const peak = peakMemory(importing)
  const { code } = await importing.ended
  const seconds = (performance.now() - start) / 1000
  for (const line of importing.lines()) console.log(JSON.stringify(line))
  return {
    code,
    stderr: importing.stderr(),
    seconds: round(seconds),
    rowsPerSecond: Math.round(ROWS / seconds),
    peakMB: peak(),
  }
}

/** Reads the first and the last account of the file in turn: after one new answer all must be new. */
function watchHalves(ask: (id: string) => Promise<{ body: unknown }>) {
  let isRunning = true
  let requests = 0
  let half = 0
  let isNew = false
  const version = async (row: number) => {
    const { body } = (await ask(`A-${row}`)) as { body: { data: { debt_account: { balance: number } } } }
    requests += 1
    return body.data.debt_account.balance % 10
  }
  const watching = (async () => {
    while (isRunning) {
      for (const row of [0, EXISTING_ROWS - 1]) {
        const isNewNow = (await version(row)) === 2
        if (isNew && !isNewNow) half += 1
        isNew ||= isNewNow
      }
      await pause(20)
    }
  })()
  return {
    async stop() {
      isRunning = false
      await watching
      return { requests, halvesSeen: half, newAtLast: isNew }
    },
  }
}

/** @returns seconds */
async function psqlCopy(url: string, path: string) {
  const columns = HEADER.split(',').map((name) => `"${name}" text`)
  const psql = (command: string) => execFileSync('psql', ['-q', '-v', 'ON_ERROR_STOP=1', '-c', command, url])
  psql(`create table copied (${columns.join(', ')})`)
  const start = performance.now()
  psql(`\\copy copied from '${path}' with (format csv, header)`)
  const seconds = (performance.now() - start) / 1000
  psql('drop table copied')
  return round(seconds)
}
