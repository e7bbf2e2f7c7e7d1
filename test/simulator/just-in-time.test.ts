import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { startAgency, startBoth, startSimulator } from '../support/simulator.ts'

t.test('POST /just-in-time', async (t) => {
  const { simulator, post } = await startSimulator(t)

  t.test('accepts a form', async (t) => {
    const answer = await post('/just-in-time', { form: { url: 'https://one.example/jit/a' } })
    t.equal(answer.status, 201)
    t.strictSame(answer.body, { data: { url: 'https://one.example/jit/a' } })
  })
  t.test('accepts JSON, and lists all URLs in order', async (t) => {
    const answer = await post('/just-in-time', { json: { url: 'http://two.example/jit/b' } })
    t.equal(answer.status, 201)
    t.strictSame(answer.body, { data: { url: 'http://two.example/jit/b' } })
    t.strictSame(simulator.jitUrls, ['https://one.example/jit/a', 'http://two.example/jit/b'])
  })

  const required = 'The url field is required.'
  const invalid = 'The url field must be a valid URL.'
  for (const [title, given, message] of [
    ['nothing', {}, required],
    ['an empty url', { form: { url: ' ' } }, required],
    ['a null', { json: { url: null } }, required],
    ['broken JSON', { text: '{"url":' }, required],
    ['a number', { json: { url: 5 } }, invalid],
    ['no URL', { form: { url: 'just-in-time-url' } }, invalid],
    ['another scheme', { form: { url: 'ftp://one.example' } }, invalid],
  ] as const) {
    t.test(`answers 422 for ${title}`, async (t) => {
      const answer = await post('/just-in-time', given)
      t.equal(answer.status, 422)
      t.strictSame(answer.body, { message, errors: { url: [message] } })
      t.equal(simulator.jitUrls.length, 2)
    })
  }
})

const documented = {
  location: { external_id: 'location-123', name: 'Test Location' },
  customer: { external_id: 'customer-123', name: 'Test Customer' },
  debt_account: { external_id: 'debt-account-123', balance: 2000, current_balance: 2000 },
  child_debt_accounts: [
    {
      external_id: 'debt-account-124',
      parent_external_id: 'debt-account-123',
      balance: 1000,
      current_balance: 1000,
    },
  ],
}

t.test('POST /just-in-time/trigger', async (t) => {
  t.test('creates the resources of the documented example', async (t) => {
    const { simulator, trigger, agency } = await startBoth(t)
    const answer = await trigger(documented)
    const links = {
      customer_id: 'c0000000-0000-4000-8000-000000000001',
      location_id: 'f0000000-0000-4000-8000-000000000001',
    }
    const created = {
      location: {
        uuid: links.location_id,
        type: 'original_creditor',
        external_id: 'location-123',
        name: 'Test Location',
      },
      customer: { uuid: links.customer_id, external_id: 'customer-123', name: 'Test Customer' },
      debt_account: {
        uuid: 'a0000000-0000-4000-8000-000000000001',
        external_id: 'debt-account-123',
        // The sums of its children.
        balance: 1000,
        current_balance: 1000,
        ...links,
      },
      child_debt_accounts: [
        {
          uuid: 'a0000000-0000-4000-8000-000000000002',
          external_id: 'debt-account-124',
          parent_external_id: 'debt-account-123',
          balance: 1000,
          current_balance: 1000,
          ...links,
        },
      ],
    }
    t.equal(answer.status, 200)
    t.strictSame(answer.body, { data: created })
    t.strictSame(agency.requests, ['GET /jit/secret?debt_account_external_id=debt-account-123'])
    t.strictSame([...simulator.store.locations.values()], [created.location])
    t.strictSame([...simulator.store.customers.values()], [created.customer])
    t.strictSame(
      [...simulator.store.debtAccounts.values()],
      [created.debt_account, ...created.child_debt_accounts],
    )
    const again = await trigger(documented)
    t.equal(again.status, 200)
    t.strictSame(again.body, answer.body, 'the second response is the same')
  })

  t.test('calls the last registered URL with its query', async (t) => {
    const { trigger, post, agency } = await startBoth(t)
    await post('/just-in-time', { form: { url: `${agency.url}/newer?a=b` } })
    await trigger({ debt_account: { external_id: 'ä&b c/1', balance: 1 } }, 'ä&b c/1')
    t.strictSame(agency.requests, ['GET /jit/secret/newer?a=b&debt_account_external_id=%C3%A4%26b+c%2F1'])
  })

  t.test('relays every status except 200', async (t) => {
    const { agency, post, simulator } = await startBoth(t)
    for (const [status, type, body] of [
      [404, 'application/problem+json', '{"code":"unknown_account","request_id":"7"}'],
      [503, 'text/plain', 'busy'],
      [201, 'application/json', '{"data":{"debt_account":{"external_id":"1","balance":1}}}'],
      [302, 'text/html', ''],
    ] as const) {
      agency.respond = (_request, response) => {
        response.writeHead(status, { 'content-type': type, location: `${agency.url}/elsewhere` }).end(body)
      }
      const answer = await post('/just-in-time/trigger', { form: { debt_account_external_id: '1' } })
      t.equal(answer.status, status)
      t.equal(answer.headers.get('content-type'), type)
      t.strictSame(answer.body, type === 'application/json' ? JSON.parse(body) : body)
    }
    t.equal(agency.requests.length, 4, 'the redirect was not followed')
    t.equal(simulator.store.debtAccounts.size, 0)
  })

  t.test('answers 422 for a 200 that is not JSON', async (t) => {
    const { agency, post } = await startBoth(t)
    agency.respondWith('<html>')
    const answer = await post('/just-in-time/trigger', { form: { debt_account_external_id: '1' } })
    const message = 'The data field must be a valid JSON string.'
    t.equal(answer.status, 422)
    t.strictSame(answer.body, { message, errors: { data: [message] } })
  })

  t.test('answers 504 after the timeout, also within the body', async (t) => {
    const { agency, post } = await startBoth(t, { callTimeoutMs: 100 })
    agency.respond = async (_request, response) => {
      response.write('{"data":')
      await sleep(400)
      response.end('{}}')
    }
    const answer = await post('/just-in-time/trigger', { form: { debt_account_external_id: '1' } })
    t.equal(answer.status, 504)
    t.strictSame(answer.body, {
      message: 'The just in time endpoint did not answer within 100 milliseconds.',
    })
  })

  t.test('answers 502 without a listener, for a closed connection, and over 10 MB', async (t) => {
    const { agency, post } = await startBoth(t)
    const trigger = () => post('/just-in-time/trigger', { json: { debt_account_external_id: '1' } })
    agency.respond = (_request, response) => {
      response.end('x'.repeat(10_000_001))
    }
    const flooded = await trigger()
    t.equal(flooded.status, 502)
    t.strictSame(flooded.body, { message: 'The answer of the just in time endpoint is too large.' })

    const unreachable = { message: 'The just in time endpoint could not be reached.' }
    agency.respond = (request) => void request.socket.destroy()
    const cut = await trigger()
    t.equal(cut.status, 502)
    t.strictSame(cut.body, unreachable)

    await post('/just-in-time', { form: { url: 'http://127.0.0.1:9/closed' } })
    const failed = await trigger()
    t.equal(failed.status, 502)
    t.strictSame(failed.body, unreachable)
  })

  t.test('answers 404 when nothing is registered', async (t) => {
    const { post } = await startSimulator(t)
    const answer = await post('/just-in-time/trigger', { form: { debt_account_external_id: '1' } })
    t.equal(answer.status, 404)
    t.strictSame(answer.body, { message: 'No just in time endpoint has been created.' })
  })

  t.test('answers 422 without an id', async (t) => {
    const { post } = await startSimulator(t)
    const agency = await startAgency(t)
    for (const [given, message] of [
      [{ form: {} }, 'The debt account external id field is required.'],
      [{ json: { debt_account_external_id: 5 } }, 'The debt account external id field must be a string.'],
    ] as const) {
      const answer = await post('/just-in-time/trigger', given)
      t.equal(answer.status, 422)
      t.strictSame(answer.body, { message, errors: { debt_account_external_id: [message] } })
    }
    t.strictSame(agency.requests, [])
  })
})
