/** A set-up as `demo` makes it: Postgres with the sample, a simulated Tratta, and `serve`, registered there. */
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Test } from 'tap'
import { freePort } from '../support/child-process.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { program, run, SECRET } from '../support/program.ts'
import { serviceRole } from '../support/role.ts'
import { startSimulator } from '../support/simulator.ts'
import { trattaSettings } from '../tratta/settings.ts'

const SAMPLE = readFileSync('sample/accounts.sql', 'utf8')

export interface Found {
  check: string
  state: string
  message: string
  remedy?: string
  count?: number
  examples?: string[]
}

export interface SetUp {
  database: TestDatabase
  /** The settings of `serve` and of `check`. */
  env: Record<string, string>
  /** Another database that looks the same, but for what the SQL changes, and the settings of the documented role. */
  like(t: Test, sql?: string): Promise<{ database: TestDatabase; env: Record<string, string> }>
}

export async function setUp(t: Test): Promise<SetUp> {
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
  await written(database)
  const [registered] = await database.query('select * from tratta_jit.registrations')
  const like: SetUp['like'] = async (t, sql = '') => {
    const other = await testDatabase(t)
    await other.query(SAMPLE)
    await other.query(`insert into tratta_jit.registrations
      select * from json_populate_record(null::tratta_jit.registrations, '${JSON.stringify(registered)}')`)
    if (sql) await other.query(sql)
    const { url } = await serviceRole(t, other, ['tratta_jit', 'agency'])
    return { database: other, env: { ...env, DATABASE_URL: url } }
  }
  return { database, env, like }
}

async function written({ query }: TestDatabase) {
  const sql = `select from tratta_jit.registrations where state = 'registered'`
  for (let patience = 0; (await query(sql)).length === 0; patience++) {
    if (patience > 100) throw new Error('the registration is not written down')
    await pause(50)
  }
}

const PERSONAL = /Tremaine|Abbott|Núñez|陳大文|555-0142|1984-02-29|9098|184250|tatum/

/**
 * Runs `check` and compares all that it finds.
 * @param expected what is not ok, whole; times are written as `N ms` and `N s`
 */
export async function finds(t: Test, env: Record<string, string>, expected: Found[], args: string[] = []) {
  const { code, lines, stderr, stdout } = await run(t, ['check', '--json', ...args], env)
  const found = lines.filter(({ event }) => event === 'result') as unknown as (Found & { event: string })[]
  const notOk = found.flatMap(({ event, ...finding }) =>
    finding.state === 'ok'
      ? []
      : { ...finding, message: finding.message.replace(/\b[\d.]+ (m?s)\b/g, 'N $1') },
  )
  t.same(notOk, expected, 'exactly what is wrong, and what to do about it')
  const states = expected.map(({ state }) => state)
  t.equal(code, states.includes('error') ? 1 : states.includes('warning') ? 3 : 0, 'the exit code')
  t.same([...new Set(found.map(({ check }) => check))], CHECKS, 'all that was looked at')
  t.equal(stderr, '')
  for (const secret of [
    SECRET,
    env.JIT_SECRET,
    env.TRATTA_API_TOKEN,
    URL.parse(env.DATABASE_URL ?? '')?.password,
  ])
    if (secret) t.notOk(stdout.includes(secret), 'no secret')
  t.notMatch(stdout, PERSONAL)
}

const CHECKS = [
  'settings',
  'database',
  'connections',
  'pooler',
  'migrations',
  'relations',
  'privileges',
  'indexes',
  'rows',
  'lookup',
  'data',
  'customers',
  'parents',
  'public_url',
  'certificate',
  'token',
  'registration',
  'clocks',
]

export const skipped = (check: string, message: string): Found => ({ check, state: 'skipped', message })
/** What the checks that need a readable lookup would report. */
export const NO_LOOKUP = (why: string, whyNoLookup = why) => [
  skipped('indexes', why),
  skipped('rows', why),
  skipped('lookup', whyNoLookup),
  ...NO_DATA(why),
]
/** What a pass over the data would report. */
export const NO_DATA = (why: string) => [
  skipped('data', why),
  skipped('customers', 'needs the result of data'),
  skipped('parents', 'needs the result of data'),
]
