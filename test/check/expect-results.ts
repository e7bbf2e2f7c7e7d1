/** Runs `check` and compares everything that it reports. */
import type { Test } from 'tap'
import { run, SECRET } from '../support/program.ts'

export interface Found {
  check: string
  state: string
  message: string
  remedy?: string
  count?: number
  examples?: string[]
}

const PERSONAL = /Tremaine|Abbott|Núñez|陳大文|555-0142|1984-02-29|9098|184250|tatum/

/** @param expected every result that is not ok. Times are written as `N ms` and `N s` */
export async function expectResults(
  t: Test,
  env: Record<string, string>,
  expected: Found[],
  args: string[] = [],
) {
  const { code, lines, stderr, stdout } = await run(t, ['check', '--json', ...args], env)
  const found = lines.filter(({ event }) => event === 'result') as unknown as (Found & { event: string })[]
  const notOk = found.flatMap(({ event, ...result }) =>
    result.state === 'ok' ? [] : { ...result, message: result.message.replace(/\b[\d.]+ (m?s)\b/g, 'N $1') },
  )
  t.same(notOk, expected, 'results that are not ok')
  const states = expected.map(({ state }) => state)
  t.equal(code, states.includes('error') ? 1 : states.includes('warning') ? 3 : 0, 'exit code')
  t.same([...new Set(found.map(({ check }) => check))], CHECKS, 'checks')
  t.equal(stderr, '')
  for (const secret of [
    SECRET,
    env.JIT_SECRET,
    env.TRATTA_API_TOKEN,
    URL.parse(env.DATABASE_URL ?? '')?.password,
  ])
    if (secret) t.notOk(stdout.includes(secret), 'no secret is printed')
  t.notMatch(stdout, PERSONAL)
}

export const CHECKS = [
  'settings',
  'database',
  'connections',
  'pooler',
  'migrations',
  'readings',
  'relations',
  'privileges',
  'indexes',
  'rows',
  'lookup',
  'data',
  'customers',
  'parents',
  'unique',
  'balances',
  'ids',
  'public_url',
  'certificate',
  'token',
  'registration',
  'clocks',
]

export const skipped = (check: string, message: string): Found => ({ check, state: 'skipped', message })
/** The checks that need a readable lookup. */
export const NO_LOOKUP = (why: string, whyNoLookup = why) => [
  skipped('indexes', why),
  skipped('rows', why),
  skipped('lookup', whyNoLookup),
  ...NO_DATA(why),
]
/** The checks that need a pass over the data. */
export const NO_DATA = (why: string) => [
  skipped('data', why),
  skipped('customers', 'needs the result of data'),
  skipped('parents', 'needs the result of data'),
  skipped('unique', why),
  skipped('balances', why),
  skipped('ids', why),
]
