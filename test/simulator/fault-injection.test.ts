import { once } from 'node:events'
import { request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import type { InjectedFault } from '../../src/simulator/fault-injection.ts'
import { startSimulator, tokenAndJson } from '../support/simulator.ts'
import { answerAfterOutage } from './answer-after-outage.ts'

const url = 'https://jit.example/x'
const form = { form: { url } }

t.test('fault injection', async (t) => {
  const { simulator, post, get } = await startSimulator(t)
  t.beforeEach(() => simulator.reset())
  const register = () => post('/just-in-time', form)

  t.test('status, with and without Retry-After, for a number of requests', async (t) => {
    await simulator.injectFaults(
      { kind: 'status', status: 429, retryAfter: 7, times: 1 },
      { kind: 'status', status: 429, times: 1 },
      { kind: 'status', status: 500, times: 1 },
      { kind: 'status', status: 503, times: 1 },
    )
    const answers = [await register(), await register(), await register(), await register(), await register()]
    t.strictSame(
      answers.map(({ status, headers, body }) => [status, headers.get('retry-after'), body]),
      [
        [429, '7', { message: 'Too Many Attempts.' }],
        [429, null, { message: 'Too Many Attempts.' }],
        [500, null, { message: 'Server Error' }],
        [503, null, { message: 'Service Unavailable' }],
        [201, null, { data: { url } }],
      ],
    )
    t.strictSame(simulator.jitUrls, [url])
  })

  t.test('status 301', async (t) => {
    await simulator.injectFaults({ kind: 'status', status: 301 })
    const answer = await register()
    t.equal(answer.status, 301)
    t.equal(answer.headers.get('location'), 'https://elsewhere.example/api/v1/just-in-time')
  })

  t.test('html', async (t) => {
    await simulator.injectFaults({ kind: 'html' })
    const answer = await register()
    t.equal(answer.status, 200)
    t.equal(answer.headers.get('content-type'), 'text/html; charset=utf-8')
    t.match(answer.body, /^<!DOCTYPE html>/)
  })

  t.test('empty', async (t) => {
    await simulator.injectFaults({ kind: 'empty' })
    const answer = await register()
    t.equal(answer.status, 200)
    t.equal(answer.headers.get('content-type'), 'application/json; charset=utf-8')
    t.equal(answer.body, '')
  })

  t.test('huge', async (t) => {
    await simulator.injectFaults({ kind: 'huge' })
    const answer = await register()
    t.equal(answer.status, 200)
    t.equal(answer.body.data.length, 10_000_000)
  })

  t.test('endless', async (t) => {
    await simulator.injectFaults({ kind: 'endless' })
    const sent = request(`${simulator.url}/just-in-time`, { method: 'POST', headers: tokenAndJson }).end()
    const [response] = await once(sent, 'response')
    t.equal(response.statusCode, 200)
    let bytes = 0
    for await (const chunk of response) {
      bytes += chunk.length
      if (bytes > 1_000_000) break
    }
    t.ok(bytes > 1_000_000)
  })

  t.test('slow: processes the request at once', async (t) => {
    await simulator.injectFaults({ kind: 'slow', ms: 60_000 })
    const abort = new AbortController()
    const answering = fetch(`${simulator.url}/just-in-time`, {
      method: 'POST',
      headers: tokenAndJson,
      body: new URLSearchParams({ url }),
      signal: abort.signal,
    })
    while (simulator.jitUrls.length === 0) await pause(5)
    t.equal(await Promise.race([answering, pause(50, 'no response')]), 'no response')
    abort.abort()
    await t.rejects(answering, { name: 'AbortError' })
  })

  t.test('slow: responds after ms', async (t) => {
    await simulator.injectFaults({ kind: 'slow', ms: 200 })
    const start = performance.now()
    t.equal((await register()).status, 201)
    t.ok(performance.now() - start >= 199)
  })

  t.test('lost_response: processes the request, sends no response', async (t) => {
    await simulator.injectFaults({ kind: 'lost_response', times: 1 })
    await t.rejects(register())
    t.strictSame(simulator.jitUrls, [url])
    t.equal(simulator.requests.at(-1)?.status, null)
    await simulator.injectFaults({ kind: 'lost_response', times: 1, path: '/bulk' })
    t.equal((await register()).status, 201, 'other paths get a response')
    await t.rejects(post('/bulk', { json: [{ customer: { name: 'N' } }] }))
    await simulator.settled()
    t.equal(simulator.store.customers.size, 1)
  })

  t.test('reset: does not process the request, sends no response', async (t) => {
    await simulator.injectFaults({ kind: 'reset' })
    await t.rejects(register(), { cause: { code: 'ECONNRESET' } })
    t.strictSame(simulator.jitUrls, [])
    t.equal(simulator.requests.length, 1)
    await simulator.injectFaults()
    t.equal((await register()).status, 201)
  })

  t.test('outage: closes the port for ms, or until the next injectFaults', async (t) => {
    await simulator.injectFaults({ kind: 'outage', ms: 1000 })
    await t.rejects(register(), { cause: { code: 'ECONNREFUSED' } })
    t.equal((await answerAfterOutage(register)).status, 201)
    await simulator.injectFaults({ kind: 'outage' })
    await t.rejects(register(), { cause: { code: 'ECONNREFUSED' } })
    await simulator.injectFaults({ kind: 'outage' })
    await t.rejects(register(), { cause: { code: 'ECONNREFUSED' } })
    await simulator.injectFaults()
    t.equal((await register()).status, 201)
    t.equal(simulator.requests.length, 2)
  })

  t.test('outages that start and end concurrently', async (t) => {
    void simulator.injectFaults({ kind: 'outage' })
    void simulator.reset()
    void simulator.injectFaults()
    await simulator.injectFaults({ kind: 'outage' })
    await t.rejects(register(), { cause: { code: 'ECONNREFUSED' } })
    void simulator.reset()
    await simulator.reset()
    t.equal((await register()).status, 201)
  })

  t.test('rejects an invalid fault', async (t) => {
    await t.rejects(simulator.injectFaults({ kind: 'slow' } as InjectedFault), {
      name: 'TypeError',
      message: 'slow needs ms',
    })
    await t.rejects(simulator.injectFaults({ kind: 'status', status: 99 }), {
      message: 'status must be 200 to 599',
    })
  })

  t.test('lostResponses loses its share of responses, the same ones for the same seed', async (t) => {
    simulator.configure({ requestsPerMinute: Number.POSITIVE_INFINITY })
    const run = async () => {
      simulator.configure({ lostResponses: 0 })
      simulator.configure({ lostResponses: 0.2, seed: 2 })
      const fates: boolean[] = []
      for (let sent = 0; sent < 100; sent += 1) {
        fates.push(
          await get('/nothing').then(
            () => true,
            () => false,
          ),
        )
      }
      simulator.configure({ seed: 1 })
      return fates
    }
    const fates = await run()
    const lost = fates.filter((answered) => !answered).length
    t.equal(lost, 21)
    t.strictSame(await run(), fates)
  })
})

t.test('close() does not wait for requests in flight', async (t) => {
  const { simulator } = await startSimulator(t, { bulkDelayMs: 60_000 })
  await fetch(`${simulator.url}/bulk`, {
    method: 'POST',
    headers: { ...tokenAndJson, 'content-type': 'application/json' },
    body: '[{"customer":{"name":"N"}}]',
  })
  await simulator.injectFaults({ kind: 'slow', ms: 60_000 })
  const rejected = t.rejects(fetch(`${simulator.url}/nothing`, { headers: tokenAndJson }))
  while (simulator.requests.length < 2) await pause(5)
  const closed = simulator.close().then(() => 'closed')
  t.equal(await Promise.race([closed, pause(20_000, 'open', { ref: false })]), 'closed')
  await rejected
})

t.test('close() during an outage', async (t) => {
  const { simulator } = await startSimulator(t)
  await simulator.injectFaults({ kind: 'outage', ms: 100 })
  await simulator.close()
  await t.rejects(fetch(simulator.url), { cause: { code: 'ECONNREFUSED' } })
  await pause(150)
  await t.rejects(
    fetch(simulator.url),
    { cause: { code: 'ECONNREFUSED' } },
    'the outage timer does not reopen the port',
  )
})
