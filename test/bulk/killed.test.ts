/** kill -9 at random moments, lost answers and rejected rows: nothing is lost, and both sides agree. */
import t from 'tap'
import { expectAgreement } from './expect-agreement.ts'
import { killedPush } from './killed-push.ts'
import { accountsOf, seedPortfolio } from './seed-portfolio.ts'
import { startBulk } from './start-bulk.ts'
import { storedAccounts } from './stored-accounts.ts'

const CUSTOMERS = 6000
const KILLS = 5

t.jobs = 2

for (const existingCustomers of ['reuse', 'reject'] as const)
  t.test(
    `a push killed ${KILLS} times, existing customers: ${existingCustomers}`,
    { buffered: true },
    async (t) => {
      const { database, tratta, bulk } = await startBulk(t, { existingCustomers })
      await seedPortfolio(database, CUSTOMERS)
      const killed = await killedPush(t, database, tratta, { kills: KILLS, customers: CUSTOMERS })
      const { seed, code, uncertain, twice, mayComeTwice } = killed
      t.equal(code, 3, `FUZZ_SEED=${seed}`)
      t.ok(Number(uncertain) > 0, `${uncertain} requests were sent again`)
      t.ok(twice <= mayComeTwice, `${twice} rows came twice, of ${mayComeTwice} whose result was unknown`)
      const { accepted, rejected, unknown } = await storedAccounts(database)
      t.equal(accepted.length + rejected.length + unknown.length, accountsOf(CUSTOMERS), 'none is missing')
      expectAgreement(t, tratta, { accepted, rejected })
      if (existingCustomers === 'reuse') t.same(unknown, [])
      const [status] = (await bulk('status --json')).lines
      t.match(status, {
        customers: { to_send: 0, sent: 0 },
        accounts: { accepted: accepted.length, rejected: rejected.length, unknown: unknown.length },
      })
      const { customers } = status as { customers: Record<string, number> }
      t.equal(customers.accepted! + customers.rejected! + customers.unknown!, CUSTOMERS)
    },
  )
