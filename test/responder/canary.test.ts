/** The synthetic call of JIT_CANARY_ACCOUNT. */
import t from 'tap'
import { createCertificate } from '../support/certificate.ts'
import { MINIMUM, testDatabase } from '../support/database.ts'
import { readExposition, sampleOf } from '../support/exposition.ts'
import { run, SECRET, type Service, service } from '../support/program.ts'

t.jobs = 3

async function counts({ adminUrl }: Service) {
  const metrics = readExposition(await (await fetch(`${adminUrl}/metrics`)).text())
  const canary = (result: string) => sampleOf(metrics, 'tratta_jit_canary_calls_total', { result })
  const calls = metrics.get('tratta_jit_calls_total')!.samples.reduce((sum, { value }) => sum + value, 0)
  return { answered: canary('answered'), failed: canary('failed'), calls }
}

/** The log line of the first synthetic call. */
const canaryLine = (serving: Service) => serving.line(({ canary }) => canary === true)

t.test('is answered, and not counted as a call', async (t) => {
  const database = await testDatabase(t)
  await database.query(MINIMUM)
  // Also where the own address is not allowed to call, and with a certificate for another name.
  const { cert, key } = createCertificate(t, 60)
  const folder = t.testdir({ cert: String(cert), key: String(key) })
  const serving = await service(t, database.url, {
    JIT_CANARY_ACCOUNT: '123456',
    ALLOWED_CLIENTS: '192.0.2.1',
    TLS_CERT_FILE: `${folder}/cert`,
    TLS_KEY_FILE: `${folder}/key`,
  })
  t.match(await canaryLine(serving), {
    route: '/jit/:secret',
    status: 200,
    outcome: 'answered',
    canary: true,
  })
  t.same(await counts(serving), { answered: 1, failed: 0, calls: 0 })
  serving.process.kill('SIGINT')
  await serving.ended
  t.same(await database.query('select from tratta_jit.calls'), [], 'not in the call log')
})

t.test('for an account that does not exist', async (t) => {
  const database = await testDatabase(t)
  const serving = await service(t, database.url, { JIT_CANARY_ACCOUNT: '123456' })
  const { level, problem } = await serving.line(({ event }) => event === 'canary_failed')
  t.same([level, problem], ['warn', 'account_not_found'])
  t.same(await counts(serving), { answered: 0, failed: 1, calls: 0 })
})

t.test('a client cannot mark its calls as synthetic', async (t) => {
  const database = await testDatabase(t)
  const serving = await service(t, database.url, { JIT_CANARY_ACCOUNT: '123456' })
  await canaryLine(serving)
  for (const mark of ['1', crypto.randomUUID(), 'é'.repeat(36)])
    await fetch(`${serving.url}/jit/${SECRET}?debt_account_external_id=none`, {
      headers: { 'x-tratta-jit-canary': mark },
    })
  t.equal((await counts(serving)).calls, 3)
})

t.test('check looks the account up', async (t) => {
  const database = await testDatabase(t)
  await database.query(MINIMUM)
  const env = { DATABASE_URL: database.url, JIT_SECRET: SECRET }
  const results = async (JIT_CANARY_ACCOUNT: string) => {
    const { lines } = await run(t, ['check', '--quick', '--json'], { ...env, JIT_CANARY_ACCOUNT })
    return lines.flatMap(({ check, state, message }) =>
      check === 'lookup' && state === 'error' ? message : [],
    )
  }
  t.same(await results('123456'), [])
  t.same(await results('none'), ['the account of JIT_CANARY_ACCOUNT cannot be sent: No such debt account'])
})
