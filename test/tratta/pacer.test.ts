/** A pause after a 429 must not keep a finished command running. */
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { pacer } from '../../src/tratta/pacer.ts'

const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length

t.test('a pause without a waiting request holds no timer', async (t) => {
  const before = timers()
  const { turn, slowDown } = pacer(60)
  await turn()
  slowDown(60_000)
  await pause(10)
  t.equal(timers(), before)
})

t.test('aborted requests reject with the reason, and the last one ends the timer', async (t) => {
  const before = timers()
  const { turn, slowDown } = pacer(60)
  slowDown(60_000)
  const [first, second] = [new AbortController(), new AbortController()]
  const turns = [turn({ signal: first.signal }), turn({ signal: second.signal, background: true })]
  t.equal(timers(), before + 1)
  first.abort(new Error('first'))
  await t.rejects(turns[0]!, { message: 'first' })
  t.equal(timers(), before + 1, 'the other request waits')
  second.abort(new Error('second'))
  await t.rejects(turns[1]!, { message: 'second' })
  t.equal(timers(), before)
  await t.rejects(turn({ signal: second.signal }), { message: 'second' })
})

t.test('after a pause requests start in order, background requests last', async (t) => {
  const { turn, slowDown } = pacer(6000)
  const order: string[] = []
  // Nothing is due while the requests are queued, however busy the machine is.
  slowDown(50)
  const begun = performance.now()
  await Promise.all([
    turn({ background: true }).then(() => order.push('background')),
    turn().then(() => order.push('first')),
    turn().then(() => order.push('second')),
  ])
  t.same(order, ['first', 'second', 'background'])
  t.ok(performance.now() - begun >= 49)
})
