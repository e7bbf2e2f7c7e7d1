/** A Tratta that requests our URL while it registers it: each request is answered, logged and counted as what it is. */
import t from 'tap'
import { freePort } from '../support/child-process.ts'
import { testDatabase } from '../support/database.ts'
import { readExposition, sampleOf } from '../support/exposition.ts'
import { service } from '../support/program.ts'
import { trattaSettings } from './settings.ts'
import { startFakeTratta } from './start-fake-tratta.ts'

t.test('requests of Tratta while it registers the URL', async (t) => {
  const database = await testDatabase(t)
  const probes = [
    ['HEAD', '', 404, '/jit/*', 'not_found'],
    ['OPTIONS', '', 404, '/jit/*', 'not_found'],
    ['POST', '?debt_account_external_id=probe', 404, '/jit/*', 'not_found'],
    ['GET', '', 400, '/jit/:secret', 'invalid_parameter'],
    ['GET', '?debt_account_external_id=', 400, '/jit/:secret', 'invalid_parameter'],
    ['GET', '?debt_account_external_id=probe-of-tratta', 404, '/jit/:secret', 'account_not_found'],
  ] as const
  const answers: unknown[] = []
  const tratta = await startFakeTratta(t, async ({ form }) => {
    for (const [method, query] of probes) {
      const answer = await fetch(form.get('url') + query, { method })
      answers.push([method, query, answer.status])
    }
    return { status: 201, body: { data: { url: form.get('url') } } }
  })
  const port = String(await freePort())
  const running = await service(t, database.url, {
    ...trattaSettings(database.url, tratta.url, `http://127.0.0.1:${port}`),
    PORT: port,
  })
  await running.line(({ event }) => event === 'registered')
  t.same(
    answers,
    probes.map(([method, query, status]) => [method, query, status]),
  )
  const lines = () => running.lines().filter(({ route }) => String(route).startsWith('/jit/'))
  await running.line(() => lines().length === probes.length)
  t.same(
    lines().map(({ method = 'GET', status, route, outcome }) => [method, status, route, outcome]),
    probes.map(([method, , status, route, outcome]) => [method, status, route, outcome]),
  )
  const metrics = readExposition(await (await fetch(`${running.adminUrl}/metrics`)).text())
  const calls = (outcome: string) => sampleOf(metrics, 'tratta_jit_calls_total', { outcome })
  t.same(['invalid_parameter', 'account_not_found', 'answered', 'wrong_secret'].map(calls), [2, 1, 0, 0])
  t.equal(sampleOf(metrics, 'tratta_jit_unmatched_requests_total', { route: '/jit/*' }), 3)
})
