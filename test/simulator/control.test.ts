import t from 'tap'
import { defaultSettings } from '../../src/simulator/settings.ts'
import { startSimulator } from '../support/simulator.ts'
import { answerAfterOutage } from './answer-after-outage.ts'

t.test('control routes', async (t) => {
  const { simulator, post, get, control } = await startSimulator(t)
  const register = () => post('/just-in-time', { form: { url: 'https://jit.example/x' } })

  t.test('POST /simulator/faults', async (t) => {
    t.equal((await control('/faults', { json: { kind: 'status', status: 503, times: 1 } })).status, 204)
    t.equal((await register()).status, 503)
    t.equal((await register()).status, 201)
    t.equal((await control('/faults', { json: [{ kind: 'empty' }] })).status, 204)
    t.equal((await register()).status, 200)
    t.equal((await control('/faults')).status, 204)
    t.equal((await register()).status, 201)
    for (const [json, message] of [
      [
        { kind: 'rude' },
        'kind must be one of slow, outage, reset, lost_response, status, html, empty, huge, endless',
      ],
      [[null], 'kind must be one of slow, outage, reset, lost_response, status, html, empty, huge, endless'],
      [{ kind: 'outage' }, 'outage needs ms: during an outage no request can end it'],
      [{ kind: 'html', times: -1 }, 'times must be a whole number'],
    ] as const) {
      const answer = await control('/faults', { json })
      t.equal(answer.status, 400)
      t.strictSame(answer.body, { message })
    }
  })

  t.test('an outage ends after ms', async (t) => {
    t.equal((await control('/faults', { json: { kind: 'outage', ms: 1500 } })).status, 204)
    // The port closes after the response.
    let failed: unknown
    while (!failed)
      await register().catch((error) => {
        failed = error
      })
    t.match(failed, { cause: { code: /^(ECONNREFUSED|ECONNRESET|UND_ERR_SOCKET)$/ } })
    t.equal((await answerAfterOutage(register)).status, 201)
  })

  t.test('POST /simulator/configure', async (t) => {
    const answer = await control('/configure', { json: { requestsPerMinute: 1, retryAfter: true } })
    t.equal(answer.status, 200)
    t.strictSame(answer.body, { ...defaultSettings, requestsPerMinute: 1, retryAfter: true })
    t.equal((await get('/nothing')).status, 429)
    t.equal((await control('/configure', { json: { requestsPerMinute: null } })).status, 200)
    t.equal((await get('/nothing')).status, 404)
    const wrong = await control('/configure', { json: { seed: 'x' } })
    t.equal(wrong.status, 400)
    t.strictSame(wrong.body, { message: 'seed must be a whole number' })
  })

  t.test('POST /simulator/reset clears everything', async (t) => {
    t.equal((await control('/reset')).status, 204)
    t.strictSame((await control('/store', { method: 'GET' })).body, {
      customers: 0,
      locations: 0,
      debt_accounts: 0,
      jit_urls: [],
    })
    t.strictSame((await control('/requests', { method: 'GET' })).body, [])
    t.equal(simulator.settings.requestsPerMinute, 300)
  })

  t.test('GET /simulator/store, requests and bulk', async (t) => {
    await register()
    const row = {
      customer: { external_id: 'c/1', name: 'N' },
      debt_accounts: [
        { external_id: 'a', balance: 1 },
        { external_id: 'b', balance: '2' },
      ],
    }
    await post('/bulk', { json: [row] })
    await simulator.settled()
    t.strictSame((await control('/store', { method: 'GET' })).body, {
      customers: 1,
      locations: 0,
      debt_accounts: 1,
      jit_urls: ['https://jit.example/x'],
    })
    t.strictSame((await control('/store/customers/c%2F1', { method: 'GET' })).body, {
      uuid: 'c0000000-0000-4000-8000-000000000001',
      external_id: 'c/1',
      name: 'N',
    })
    const missing = await control('/store/debt_accounts/b', { method: 'GET' })
    t.strictSame([missing.status, missing.body], [404, { message: 'Not found.' }])
    const all = await control('/store/debt_accounts', { method: 'GET' })
    t.equal(
      all.body,
      '{"uuid":"a0000000-0000-4000-8000-000000000001","external_id":"a","balance":1,' +
        '"customer_id":"c0000000-0000-4000-8000-000000000001"}\n',
    )
    t.strictSame((await control('/bulk', { method: 'GET' })).body, [
      { bulk_id: 'b0000000-0000-4000-8000-000000000001', count: 1, status: 'completed', rows_with_errors: 1 },
    ])
    const requests = (await control('/requests', { method: 'GET' })).body
    t.strictSame(
      requests.map(({ method, url, body, status }: Record<string, unknown>) => [method, url, body, status]),
      [
        ['POST', '/api/v1/just-in-time', 'url=https%3A%2F%2Fjit.example%2Fx', 201],
        ['POST', '/api/v1/bulk', JSON.stringify([row]), 200],
      ],
    )
  })
})
