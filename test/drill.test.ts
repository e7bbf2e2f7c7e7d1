/** What the drills make of the calls that they counted; the drills themselves are run by `npm run drill`. */
import { spawnSync } from 'node:child_process'
import t from 'tap'
import { DRILLS } from '../drill/drills.ts'
import { isMet, resultAsJson, resultsAsTable } from '../drill/report.ts'
import { rowOf, wellAfter } from '../drill/row.ts'
import type { Call } from './support/calls.ts'

const answered = (at: number, ms = 5): Call => ({ at, ms, status: 200 })
const away = (at: number): Call => ({ at, ms: 10, status: 503 })
const late = (at: number): Call => ({ at, ms: 4500, status: 504 })
const cut = (at: number): Call => ({ at, ms: 1, error: 'ECONNRESET' })

t.test('time until well: to the first of the good answers after which no other came', async (t) => {
  t.equal(wellAfter([answered(0), away(10), answered(20)], 5), 20)
  t.equal(wellAfter([answered(20), away(10), answered(0)], 5), 20, 'in the order of the answers')
  t.equal(wellAfter([away(4), answered(10)], 5), 10, 'what was asked before does not count')
  t.equal(
    wellAfter([answered(10), cut(20), answered(30, 7)], 5),
    32,
    'a good answer among bad ones is not well',
  )
  t.equal(wellAfter([answered(10), away(20)], 5), undefined)
  t.equal(wellAfter([], 5), undefined)
})

const met = { what: 'this', holds: true }
const results = [
  rowOf('one', {
    calls: [answered(0), answered(1), away(2), late(3), cut(4), answered(2004)],
    faultEnded: 4,
    expectations: [met, { what: 'no call is cut', holds: false }],
  }),
  rowOf('without-a-fault', {
    calls: Array.from({ length: 1234 }, (_, at) => answered(at)),
    expectations: [met],
  }),
  rowOf('never-well', { calls: [answered(1), away(7)], faultEnded: 5, expectations: [met] }),
  { drill: 'elsewhere', needs: 'nginx (apt install nginx-light)' },
  { drill: 'hung', error: 'it does not end' },
]

t.test('the table', async (t) => {
  t.equal(
    resultsAsTable(results, { all: false }),
    `                 calls    200  503/504  failed  longest ms  well after s
one                  6      3        2       1       4,500           2.0  NOT OK
without-a-fault  1,234  1,234        0       0           5             –  ok
never-well           2      1        1       0          10         never  ok
elsewhere            –      –        –       –           –             –  skipped: needs nginx (apt install nginx-light)
hung                 –      –        –       –           –             –  NOT OK

one
  NOT OK  no call is cut

hung
  NOT OK  it does not end

2 passed, 2 failed, 1 skipped`,
  )
  t.match(resultsAsTable(results, { all: true }), 'without-a-fault\n  ok      this\n')
  t.same(results.map(isMet), [false, true, true, true, false])
})

t.test('--json', async (t) => {
  t.same(JSON.parse(resultAsJson(results[0]!)), {
    drill: 'one',
    calls: 6,
    answered: 3,
    refused: 2,
    failed: 1,
    longest_ms: 4500,
    well_after_ms: 2005,
    expectations: [met, { what: 'no call is cut', holds: false }],
    ok: false,
  })
  t.same(JSON.parse(resultAsJson(results[3]!)), {
    drill: 'elsewhere',
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
