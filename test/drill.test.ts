/** The results of drills and their output. `npm run drill` runs the drills themselves. */
import { spawnSync } from 'node:child_process'
import t from 'tap'
import { DRILLS } from '../drill/drills.ts'
import { isPassed, resultAsJson, resultsAsTable } from '../drill/report.ts'
import { recoveryMs, rowOf } from '../drill/row.ts'
import type { Call } from './support/calls.ts'

const answered = (at: number, ms = 5): Call => ({ at, ms, status: 200 })
const unavailable = (at: number): Call => ({ at, ms: 10, status: 503 })
const late = (at: number): Call => ({ at, ms: 4500, status: 504 })
const broken = (at: number): Call => ({ at, ms: 1, error: 'ECONNRESET' })

t.test(
  'recovery time: from the end of the fault to the first 200 after which all answers are 200',
  async (t) => {
    t.equal(recoveryMs([answered(0), unavailable(10), answered(20)], 5), 20)
    t.equal(recoveryMs([answered(20), unavailable(10), answered(0)], 5), 20, 'in the order of the calls')
    t.equal(
      recoveryMs([unavailable(4), answered(10)], 5),
      10,
      'a call before the end of the fault does not count',
    )
    t.equal(
      recoveryMs([answered(10), broken(20), answered(30, 7)], 5),
      32,
      'a 200 before a failed call does not count',
    )
    t.equal(recoveryMs([answered(10), unavailable(20)], 5), undefined)
    t.equal(recoveryMs([], 5), undefined)
  },
)

const met = { text: 'this', isMet: true }
const results = [
  rowOf('one', {
    calls: [answered(0), answered(1), unavailable(2), late(3), broken(4), answered(2004)],
    faultEnded: 4,
    expectations: [met, { text: 'no connection breaks', isMet: false }],
  }),
  rowOf('without-a-fault', {
    calls: Array.from({ length: 1234 }, (_, at) => answered(at)),
    expectations: [met],
  }),
  rowOf('no-recovery', { calls: [answered(1), unavailable(7)], faultEnded: 5, expectations: [met] }),
  { drill: 'skipped', needs: 'nginx (apt install nginx-light)' },
  { drill: 'hung', error: 'it does not end' },
]

t.test('the table', async (t) => {
  t.equal(
    resultsAsTable(results, { all: false }),
    `                 calls    200  503/504  failed  longest ms  recovery s
one                  6      3        2       1       4,500         2.0  NOT OK
without-a-fault  1,234  1,234        0       0           5           –  ok
no-recovery          2      1        1       0          10       never  ok
skipped              –      –        –       –           –           –  skipped: needs nginx (apt install nginx-light)
hung                 –      –        –       –           –           –  NOT OK

one
  NOT OK  no connection breaks

hung
  NOT OK  it does not end

2 passed, 2 failed, 1 skipped`,
  )
  t.match(resultsAsTable(results, { all: true }), 'without-a-fault\n  ok      this\n')
  t.same(results.map(isPassed), [false, true, true, true, false])
})

t.test('--json', async (t) => {
  t.same(JSON.parse(resultAsJson(results[0]!)), {
    drill: 'one',
    calls: 6,
    answered: 3,
    unavailable: 2,
    failed: 1,
    longest_ms: 4500,
    recovery_ms: 2005,
    expectations: [met, { text: 'no connection breaks', isMet: false }],
    ok: false,
  })
  t.same(JSON.parse(resultAsJson(results[3]!)), {
    drill: 'skipped',
    needs: 'nginx (apt install nginx-light)',
    ok: true,
  })
})

t.test('the command', async (t) => {
  const drill = (...args: string[]) =>
    spawnSync(process.execPath, ['drill/run.ts', ...args], { encoding: 'utf8' })
  const { status, stdout } = drill('--list')
  t.equal(status, 0)
  t.same(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ')[0]),
    Object.keys(DRILLS),
  )
  const unknown = drill('failover', 'no-such')
  t.equal(unknown.status, 2)
  t.match(unknown.stderr, /^There is no drill "no-such"\n/)
})
