/** Everything that `check` looks at, without an error: Postgres with the sample, a simulated Tratta, `serve`. */
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Test } from 'tap'
import { freePort } from '../support/child-process.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { program } from '../support/program.ts'
import { serviceRole } from '../support/role.ts'
import { startSimulator } from '../support/simulator.ts'
import { trattaSettings } from '../tratta/settings.ts'

const SAMPLE = readFileSync('sample/accounts.sql', 'utf8')

export interface CheckedService {
  database: TestDatabase
  /** The settings of `serve` and of `check`. */
  env: Record<string, string>
  /** Another database with the same content, changed by `sql`, and the settings with the role of docs/data.md. */
  copy(t: Test, sql?: string): Promise<{ database: TestDatabase; env: Record<string, string> }>
}

export async function startCheckedService(t: Test): Promise<CheckedService> {
  const database = await testDatabase(t)
  await database.query(SAMPLE)
  const { simulator } = await startSimulator(t, { requestsPerMinute: Number.POSITIVE_INFINITY })
  const port = String(await freePort())
  const env = trattaSettings(database.url, simulator.url, `http://127.0.0.1:${port}`)
  const serving = program(t, ['serve'], { ...env, HOST: '127.0.0.1', PORT: port, ADMIN_PORT: '0' })
  await serving.line(({ event }) => event === 'registered')
  t.teardown(async () => {
    serving.process.kill('SIGINT')
    await serving.ended
  })
  await registrationStored(database)
  const [registered] = await database.query('select * from tratta_jit.registrations')
  const copy: CheckedService['copy'] = async (t, sql = '') => {
    const other = await testDatabase(t)
    await other.query(`${SAMPLE}; insert into tratta_jit.registrations
      select * from json_populate_record(null::tratta_jit.registrations, '${JSON.stringify(registered)}')`)
    if (sql) await other.query(sql)
    const { url } = await serviceRole(t, other, ['tratta_jit', 'agency'])
    return { database: other, env: { ...env, DATABASE_URL: url } }
  }
  return { database, env, copy }
}

async function registrationStored({ query }: TestDatabase) {
  const sql = `select from tratta_jit.registrations where state = 'registered'`
  while ((await query(sql)).length === 0) await pause(20)
}
