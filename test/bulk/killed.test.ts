/** kill -9 at random moments, answers lost, rows refused: nothing is lost, and both sides count alike. */
import t from 'tap'
import { testDatabase } from '../database.ts'
import { run } from '../program.ts'
import { killedPush } from './killed-push.ts'
import { accountsOf, seedPortfolio } from './portfolio.ts'
import { bulkSettings, ourAccounts, simulatedTratta } from './tratta.ts'

const CUSTOMERS = 6000
const KILLS = 5

t.jobs = 2

for (const existingCustomers of ['reuse', 'reject'])
  t.test(
    `a push killed ${KILLS} times, existing customers: ${existingCustomers}`,
    { buffered: true },
    async (t) => {
      const database = await testDatabase(t)
      const tratta = await simulatedTratta(t, { existingCustomers })
      await seedPortfolio(database, CUSTOMERS)
      const killed = await killedPush(t, database, tratta, { kills: KILLS, customers: CUSTOMERS })
      const { seed, code, uncertain, twice, mayComeTwice } = killed
      t.equal(code, 3, `FUZZ_SEED=${seed}`)
      t.ok(Number(uncertain) > 0, `${uncertain} requests were sent again`)
      t.ok(twice <= mayComeTwice, `${twice} rows came twice, of ${mayComeTwice} whose fate was unknown`)
      const ours = await ourAccounts(database)
      t.equal(ours.taken.length + ours.refused.length, accountsOf(CUSTOMERS), 'none is missing')
      t.same(ours.taken, await tratta.held('debt_accounts'), 'the same on both sides')
      const [status] = (await run(t, ['bulk', 'status', '--json'], bulkSettings(database, tratta))).lines
      t.match(status, {
        customers: { unknown: 0, to_send: 0, sent: 0 },
        debt_accounts: { taken: ours.taken.length, refused: ours.refused.length },
      })
      const { customers } = status as { customers: { taken: number; refused: number } }
      t.equal(customers.taken, (await tratta.held('customers')).length)
      t.equal(customers.taken + customers.refused, CUSTOMERS)
    },
  )
