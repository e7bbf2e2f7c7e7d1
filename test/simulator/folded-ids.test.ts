import t from 'tap'
import { startBoth } from '../support/simulator.ts'

t.test('idComparison folded: an id in another form names the same resource', async (t) => {
  const { simulator, trigger, post } = await startBoth(t, { idComparison: 'folded' })
  const account = (external_id: string, balance: number) => ({ debt_account: { external_id, balance } })
  t.equal((await trigger(account('A-1', 1), 'A-1')).status, 200)
  t.match(await trigger(account('a-1 ', 2), 'a-1 '), {
    status: 200,
    body: {
      data: {
        debt_account: { uuid: 'a0000000-0000-4000-8000-000000000001', external_id: 'a-1 ', balance: 2 },
      },
    },
  })
  t.same([...simulator.store.debtAccounts.keys()], ['a-1 '], 'the later form is stored')
  t.ok(simulator.store.debtAccounts.has('A-1'))
  await post('/bulk', {
    json: [
      {
        customer: { external_id: 'cafe\u0301', name: 'Ann' },
        debt_accounts: [{ external_id: 'A-1', balance: 1 }],
      },
      {
        customer: { external_id: 'CAF\u00c9', name: 'Bob' },
        debt_accounts: [{ external_id: 'B', balance: 1 }],
      },
    ],
  })
  await simulator.settled()
  t.match(simulator.bulkActions, [{ rows_with_errors: 1 }])
  t.equal(simulator.store.customers.size, 1)
  simulator.configure({ idComparison: 'exact' })
  t.notOk(simulator.store.debtAccounts.has('A-1'))
})
