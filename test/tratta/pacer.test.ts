/** A pause after a 429 must not keep a finished command running. */
import { getEventListeners } from 'node:events'
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

t.test('requests are spaced by a minute divided by the rate, and 1.2 % more', async (t) => {
  const { turn } = pacer(600)
  const begun = performance.now()
  for (let count = 0; count < 6; count++) await turn()
  const took = performance.now() - begun
  // A timer may fire a millisecond early. Delays of this process are made up for, at most 250 ms.
  t.ok(took >= 5 * 101 - 2, `${took} ms`)
})

t.test('a delay of the process is made up for, by at most 250 ms', async (t) => {
  const { turn } = pacer(600)
  const starts: number[] = []
  const turns = Array.from({ length: 8 }, () => turn().then(() => starts.push(performance.now())))
  await pause(20)
  const blockedUntil = performance.now() + 1000
  while (performance.now() < blockedUntil);
  await Promise.all(turns)
  const [, second = 0, , fourth = 0] = starts
  t.ok(fourth - second < 100, 'three requests at once')
  t.ok(starts.at(-1)! - second >= 300, 'the others are spaced')
})

t.test('idle time is not made up for', async (t) => {
  const { turn } = pacer(600)
  await turn()
  await pause(400)
  const begun = performance.now()
  await turn()
  await turn()
  t.ok(performance.now() - begun >= 101 - 2)
})

t.test('every hundredth turn is a background request, also while others wait', async (t) => {
  const { turn } = pacer(600_000)
  const order: string[] = []
  const requests = Array.from({ length: 120 }, () => turn().then(() => order.push('urgent')))
  requests.push(turn({ background: true }).then(() => order.push('background')))
  await Promise.all(requests)
  const at = order.indexOf('background')
  t.ok(at >= 99 && at < 105, `position ${at}`)
})

t.test(
  'a second 429 within a second slows down once, and successes return to the configured rate',
  async (t) => {
    const spacing = async ({ turn }: ReturnType<typeof pacer>) => {
      await turn()
      const begun = performance.now()
      await turn()
      return performance.now() - begun
    }
    const slowed = pacer(600)
    slowed.slowDown(0)
    slowed.slowDown(0)
    const once = await spacing(slowed)
    t.ok(once >= 150, `${once} ms`)
    const fast = pacer(6000)
    fast.slowDown(0)
    for (let count = 0; count < 100; count++) fast.speedUp()
    const begun = performance.now()
    for (let count = 0; count < 20; count++) await fast.turn()
    t.ok(performance.now() - begun >= 19 * 10.12 - 2, 'never faster than the configured rate')
  },
)

t.test('an abort after the start of a request does nothing', async (t) => {
  const { turn } = pacer(6000)
  const { signal } = new AbortController()
  const listeners = () => getEventListeners(signal, 'abort').length
  const first = turn({ signal })
  const second = turn({ signal })
  t.equal(listeners(), 1, 'the first request has started')
  await Promise.all([first, second])
  t.equal(listeners(), 0)
})
