import t from 'tap'
import { createSimulator } from '../../src/simulator/create-simulator.ts'
import { startSimulator, tokenAndJson } from '../support/simulator.ts'

const { authorization, accept } = tokenAndJson

t.test('the bearer token', async (t) => {
  const { simulator, post, get } = await startSimulator(t, { token: 'another' })

  for (const [title, headers] of Object.entries({
    'no token': { accept },
    'a wrong token': { accept, authorization: 'Bearer simulated-token' },
    'no scheme': { accept, authorization: 'another' },
  })) {
    t.test(`answers 401 for ${title}`, async (t) => {
      const answer = await post('/just-in-time', { form: { url: 'https://jit.example/x' }, headers })
      t.equal(answer.status, 401)
      t.strictSame(answer.body, { message: 'Unauthenticated.' })
      t.strictSame(simulator.jitUrls, [])
    })
  }

  t.test('accepts the valid token until it changes', async (t) => {
    const headers = { accept, authorization: 'Bearer another' }
    t.equal((await post('/just-in-time', { form: { url: 'https://jit.example/x' }, headers })).status, 201)
    simulator.configure({ token: 'revoked' })
    t.equal((await post('/just-in-time', { form: { url: 'https://jit.example/x' }, headers })).status, 401)
  })

  t.test('does not record the token with the requests', async (t) => {
    t.notMatch(JSON.stringify(simulator.requests), /another|simulated-token/)
    t.strictSame(
      simulator.requests.map(({ authorized, status }) => [authorized, status]),
      [
        [false, 401],
        [false, 401],
        [false, 401],
        [true, 201],
        [false, 401],
      ],
    )
  })

  t.test('answers 404 as JSON for an unknown route', async (t) => {
    await simulator.reset()
    const answer = await get('/debt-accounts', { headers: { accept, authorization: 'Bearer another' } })
    t.equal(answer.status, 404)
    t.strictSame(answer.body, { message: 'The route api/v1/debt-accounts could not be found.' })
  })
})

t.test('without Accept: application/json', async (t) => {
  const { post, get } = await startSimulator(t)

  t.test('answers JSON for a success', async (t) => {
    const answer = await post('/just-in-time', {
      form: { url: 'https://jit.example/x' },
      headers: { authorization },
    })
    t.equal(answer.status, 201)
    t.strictSame(answer.body, { data: { url: 'https://jit.example/x' } })
  })
  t.test('redirects to the login page without a token', async (t) => {
    const answer = await post('/just-in-time', { form: { url: 'x' }, headers: {} })
    t.equal(answer.status, 302)
    t.equal(answer.headers.get('location'), '/login')
    t.match(answer.body, /^<!DOCTYPE html>/)
  })
  t.test('redirects for a validation error', async (t) => {
    const answer = await post('/just-in-time', { form: { url: 'x' }, headers: { authorization } })
    t.equal(answer.status, 302)
    t.equal(answer.headers.get('location'), '/')
    t.match(answer.body, /^<!DOCTYPE html>/)
  })
  t.test('answers HTML for an unknown route', async (t) => {
    const answer = await get('/nothing', {
      headers: { authorization, accept: 'text/html, application/json' },
    })
    t.equal(answer.status, 404)
    t.match(answer.body, /^<!DOCTYPE html>/)
  })
})

t.test('the rate limit', async (t) => {
  t.test('answers 429 after 300 requests of any kind', async (t) => {
    const { get, simulator } = await startSimulator(t)
    for (let sent = 0; sent < 300; sent += 50) {
      const answers = await Promise.all(Array.from({ length: 50 }, () => get('/nothing')))
      t.strictSame(new Set(answers.map(({ status }) => status)), new Set([404]))
    }
    const answer = await get('/nothing')
    t.equal(answer.status, 429)
    t.strictSame(answer.body, { message: 'Too Many Attempts.' })
    t.equal(answer.headers.get('retry-after'), null)
    t.equal(simulator.requests.length, 301)
  })
  t.test('sends Retry-After if configured', async (t) => {
    const { get, simulator } = await startSimulator(t, { requestsPerMinute: 1, retryAfter: true })
    t.equal((await get('/nothing')).status, 404)
    const answer = await get('/nothing')
    t.equal(answer.status, 429)
    t.match(answer.headers.get('retry-after'), /^(59|60)$/)
    simulator.configure({ requestsPerMinute: Number.POSITIVE_INFINITY })
    t.equal((await get('/nothing')).status, 404)
  })
})

t.test('createSimulator names every invalid setting', async (t) => {
  const wrong = { lostResponses: 2, requestsPerMinute: 0, colour: 'red' } as object
  await t.rejects(createSimulator(wrong), {
    name: 'TypeError',
    message:
      'lostResponses must be a share from 0 to 1; requestsPerMinute must be a positive number; colour is not a setting',
  })
})
