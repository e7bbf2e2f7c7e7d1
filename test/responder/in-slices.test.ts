import { getEventListeners } from 'node:events'
import t from 'tap'
import { DeadlineExceededError } from '../../src/database/database-errors.ts'
import { cacheFor } from '../../src/responder/cache-for.ts'
import { inSlices } from '../../src/responder/in-slices.ts'
import { raceAbort } from '../../src/responder/race-abort.ts'

const busy = (ms: number) => {
  const until = performance.now() + ms
  while (performance.now() < until);
}
function* steps(count: number, ms: number): Generator<undefined, string> {
  for (let step = 0; step < count; step++) {
    busy(ms)
    yield
  }
  return 'done'
}

t.test('inSlices serves the event loop between slices of 2 ms', async (t) => {
  let turns = 0
  let running = true
  const turn = () => {
    turns += 1
    if (running) setImmediate(turn)
  }
  setImmediate(turn)
  t.equal(await inSlices(steps(20, 1), performance.now() + 60_000), 'done')
  running = false
  t.ok(turns >= 5, `${turns} turns`)
})

t.test('inSlices does not pause for short work', async (t) => {
  let turned = false
  setImmediate(() => {
    turned = true
  })
  await inSlices(steps(3, 0), performance.now() + 60_000)
  t.equal(turned, false)
})

t.test('inSlices pauses once in each slice, not at each step', async (t) => {
  let turns = 0
  let running = true
  const turn = () => {
    turns += 1
    if (running) setImmediate(turn)
  }
  setImmediate(turn)
  await inSlices(steps(2000, 0.01), performance.now() + 60_000)
  running = false
  t.ok(turns < 1000, `${turns} turns`)
})

t.test('inSlices throws after the deadline, also with the last step', async (t) => {
  for (const [count, until] of [
    [1000, performance.now() + 5],
    [0, performance.now() - 1],
  ] as const) {
    const error = await inSlices(steps(count, 1), until).catch((error) => error)
    t.ok(error instanceof DeadlineExceededError, String(error))
  }
})

t.test('cacheFor: concurrent and later callers share a result until it expires', async (t) => {
  let calls = 0
  const read = cacheFor(200, async () => ++calls)
  t.same(await Promise.all([read(), read()]), [1, 1])
  t.equal(await read(), 1)
  busy(201)
  t.equal(await read(), 2)
  t.equal(await read(), 2)
})

t.test('raceAbort: the value, the error, or the reason of the signal', async (t) => {
  const { signal, abort } = abortable()
  t.equal(await raceAbort(Promise.resolve(1), signal), 1)
  await t.rejects(raceAbort(Promise.reject(new Error('failed')), signal), { message: 'failed' })
  const waiting = raceAbort(new Promise(() => {}), signal)
  abort()
  await t.rejects(waiting, { message: 'stop' })
  t.equal(getEventListeners(signal, 'abort').length, 0, 'no listener is left')
  await t.rejects(raceAbort(Promise.resolve(1), signal), { message: 'stop' })
})

function abortable() {
  const controller = new AbortController()
  return { signal: controller.signal, abort: () => controller.abort(new Error('stop')) }
}
