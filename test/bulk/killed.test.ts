/** kill -9 at random moments, lost answers, rejected rows: nothing is lost, and both sides agree. */
import t from 'tap'
import { testDatabase } from '../support/database.ts'
import { run } from '../support/program.ts'
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
      const { accepted, rejected, unknown } = ours
      t.equal(accepted.length + rejected.length + unknown.length, accountsOf(CUSTOMERS), 'none is missing')
      const held = new Set(await tratta.held('debt_accounts'))
      t.same(
        accepted.filter((id) => !held.has(id)),
        [],
        'Tratta has what is accepted',
      )
      t.same(
        rejected.filter((id) => held.has(id)),
        [],
        'Tratta lacks what is rejected',
      )
      if (existingCustomers === 'reuse') t.same(unknown, [])
      const [status] = (await run(t, ['bulk', 'status', '--json'], bulkSettings(database, tratta))).lines
      t.match(status, {
        customers: { to_send: 0, sent: 0 },
        accounts: { accepted: accepted.length, rejected: rejected.length, unknown: unknown.length },
      })
      const { customers } = status as { customers: Record<string, number> }
      t.equal(customers.accepted! + customers.rejected! + customers.unknown!, CUSTOMERS)
    },
  )
