/** Database, responder, and simulated Tratta: Tratta stores the values of the database. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { createTrattaClient } from '../../src/tratta/client.ts'
import { MINIMUM, testDatabase } from '../support/database.ts'
import { service } from '../support/program.ts'
import { startSimulator } from '../support/simulator.ts'
import { trattaSettings } from './settings.ts'

interface Payload {
  customer?: { external_id: string }
  location?: { external_id: string }
  debt_account: { external_id: string }
  child_debt_accounts?: { external_id: string }[]
}

t.test('trigger for accounts that are new, updated and moved: Tratta stores the payload', async (t) => {
  const database = await testDatabase(t)
  await database.query(readFileSync('sample/accounts.sql', 'utf8'))
  await database.query(MINIMUM)
  const { simulator } = await startSimulator(t, { requestsPerMinute: Number.POSITIVE_INFINITY })
  // Registers itself: the simulated Tratta then knows where to call.
  const { url, line, ask } = await service(t, database.url, {
    ...trattaSettings(database.url, simulator.url),
    PUBLIC_URL: 'http://127.0.0.1:1',
  })
  await line(({ event }) => event === 'registered')
  const client = createTrattaClient({
    apiUrl: simulator.url,
    token: 'simulated-token',
    requestsPerMinute: 60_000,
  })
  await client.createJitEndpoint(simulator.jitUrls[0]!.replace('http://127.0.0.1:1', url))

  /** Without the fields that Tratta adds. */
  const without = (resource: object | undefined, ...added: string[]) =>
    Object.fromEntries(Object.entries(resource ?? {}).filter(([key]) => !['uuid', ...added].includes(key)))
  const holds = {
    account: (id: string) => without(simulator.store.debtAccounts.get(id), 'customer_id', 'location_id'),
    customer: (id: string) => without(simulator.store.customers.get(id)),
    location: (id: string) => without(simulator.store.locations.get(id)),
  }
  /** Triggers a call, and compares every field of the payload with the stored resources. */
  const triggerAndCompare = async (id: string) => {
    await client.trigger(id)
    const { data } = (await ask(id)).body as { data: Payload }
    const { customer, location, debt_account, child_debt_accounts = [] } = data
    for (const account of [debt_account, ...child_debt_accounts])
      t.same(holds.account(account.external_id), account, `${id}: ${account.external_id}`)
    if (customer) t.same(holds.customer(customer.external_id), customer, `${id}: customer`)
    if (location) t.same(holds.location(location.external_id), location, `${id}: location`)
  }

  await t.test('create', () => triggerAndCompare('A-500300'))
  await t.test('create with all fields', () => triggerAndCompare('A-500200'))
  await t.test('create nested', () => triggerAndCompare('A-500100'))
  await t.test('the minimum, without optional fields', () => triggerAndCompare('123456'))
  await t.test('a customer without optional fields', async () => {
    await database.query(`
      insert into tratta_jit.customers (external_id, name) values ('bare', 'Bo');
      insert into tratta_jit.debt_accounts (external_id, customer_external_id, balance) values ('bare', 'bare', 1)`)
    await triggerAndCompare('bare')
  })

  await t.test('update', async () => {
    await database.query(
      `update tratta_jit.debt_accounts set current_balance = 5000 where external_id = 'A-500300'`,
    )
    await triggerAndCompare('A-500300')
  })
  await t.test('a requested child', async (t) => {
    await database.query(`
      update tratta_jit.debt_accounts set current_balance = 80000 where external_id = 'A-500101';
      update tratta_jit.debt_accounts set current_balance = 115250 where external_id = 'A-500100'`)
    await triggerAndCompare('A-500101')
    t.match(holds.account('A-500100'), { current_balance: 115250 }, 'Tratta sums up the parent')
  })
  await t.test('a child moved to another parent', async (t) => {
    await database.query(`
      insert into tratta_jit.debt_accounts (external_id, customer_external_id, location_external_id, balance, current_balance)
        values ('A-500400', 'C-20417', 'mercy-general', 41800, 22700);
      update tratta_jit.debt_accounts set parent_external_id = 'A-500400' where external_id = 'A-500102';
      update tratta_jit.debt_accounts set (balance, current_balance) = (142450, 92550) where external_id = 'A-500100'`)
    await triggerAndCompare('A-500400')
    await triggerAndCompare('A-500100')
    t.match(holds.account('A-500102'), { parent_external_id: 'A-500400' })
  })
  await t.test(
    'a metadata value removed from the database remains at Tratta, because absent values are unchanged',
    async (t) => {
      await database.query(
        `update tratta_jit.customers set metadata = '{"kept": "1", "gone": "2"}' where external_id = 'C-20980'`,
      )
      await triggerAndCompare('A-500300')
      await database.query(
        `update tratta_jit.customers set metadata = '{"kept": "3"}' where external_id = 'C-20980'`,
      )
      await client.trigger('A-500300')
      t.match(holds.customer('C-20980'), { metadata: { kept: '3', gone: '2' } })
    },
  )
})
