import { execFileSync } from 'node:child_process'
import { closeSync, openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import t from 'tap'
import { program } from '../support/program.ts'
import { CENTS, startImporter } from './start-importer.ts'

const ROWS = 5_000

t.test('import --json reports the rate of the reading phase while it merges', async (t) => {
  const { database, path } = await startImporter(t)
  const lock = new pg.Client(database.url)
  await lock.connect()
  t.teardown(() => lock.end())
  await lock.query('begin; lock table tratta_jit.locations in share mode')
  execFileSync('mkfifo', [path('pipe')])
  const pipe = openSync(path('pipe'), 'r+')
  writeSync(pipe, 'external_id,balance\n0,100\n')
  const running = program(t, ['import', path('pipe'), ...CENTS, '--json'], { DATABASE_URL: database.url })
  const isReading = `select 1 from pg_stat_activity where datname = current_database()
    and application_name = 'tratta-jit import' and query like '%create temporary table staged_%'
    and state = 'idle in transaction'`
  while ((await database.query(isReading)).length === 0) await sleep(20)
  const start = performance.now()

  const progressEvent = async (phase: string) => {
    for (;;) {
      const event = running.lines().find((line) => line.phase === phase)
      if (event) return event
      await sleep(50)
    }
  }
  t.match(await progressEvent('reading'), { event: 'progress', rows: 1, rows_rejected: 0 })
  // The reading phase is longer than it was at this event.
  await sleep(1000)
  for (let row = 1; row < ROWS; row += 100)
    writeSync(pipe, Array.from({ length: 100 }, (_, at) => `${row + at},100\n`).join(''))
  const readSeconds = (performance.now() - start) / 1000 - 0.1
  closeSync(pipe)
  const merging = await progressEvent('merging')
  t.match(merging, { rows: ROWS + 1, phase_seconds: Number })
  t.ok(
    Number(merging.rows_per_second) <= (ROWS + 1) / readSeconds,
    `${merging.rows_per_second} rows/s, and ${ROWS} rows were read in ${readSeconds} s`,
  )
  await lock.query('rollback')
  t.match(await running.ended, { code: 0 })
})
