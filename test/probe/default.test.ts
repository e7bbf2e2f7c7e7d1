/** `probe` as a program, against a simulated Tratta with default settings. */
import t from 'tap'
import { createSimulator } from '../../src/simulator/create-simulator.ts'
import { freePort } from '../support/child-process.ts'
import { testDatabase } from '../support/database.ts'
import { run } from '../support/program.ts'
import { trattaSettings } from '../tratta/settings.ts'

t.test('x', async (t) => {
  const database = await testDatabase(t)
  const simulator = await createSimulator()
  t.teardown(() => simulator.close())
  const port = await freePort()
  const env = {
    ...trattaSettings(database.url, simulator.url, `http://127.0.0.1:${port}`),
    PORT: String(port),
    HOST: '127.0.0.1',
  }
  const start = performance.now()
  const result = await run(t, ['probe', '--yes'], env)
  console.error(result.stdout, result.stderr, result.code, performance.now() - start)
  console.error(simulator.requests.length, await database.query('select * from tratta_jit.readings'))
})
