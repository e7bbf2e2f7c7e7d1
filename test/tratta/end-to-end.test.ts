/** Database to responder to (simulated) Tratta: what Tratta holds afterwards is what the database held. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { createTrattaClient } from '../../src/tratta/client.ts'
import { MINIMUM, testDatabase } from '../database.ts'
import { service } from '../program.ts'
import { startSimulator } from '../simulator.ts'
import { trattaSettings } from './settings.ts'

interface Payload {
  customer?: { external_id: string }
  location?: { external_id: string }
  debt_account: { external_id: string }
  child_debt_accounts?: { external_id: string }[]
}

t.test('one account through its life', async (t) => {
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

  /** Without what Tratta adds. */
  const without = (held: object | undefined, ...added: string[]) =>
    Object.fromEntries(Object.entries(held ?? {}).filter(([key]) => !['uuid', ...added].includes(key)))
  const holds = {
    account: (id: string) => without(simulator.store.debtAccounts.get(id), 'customer_id', 'location_id'),
    customer: (id: string) => without(simulator.store.customers.get(id)),
    location: (id: string) => without(simulator.store.locations.get(id)),
  }
  /** Triggers, and compares all that the payload held. */
  const told = async (id: string) => {
    await client.trigger(id)
    const { data } = (await ask(id)).body as { data: Payload }
    const { customer, location, debt_account, child_debt_accounts = [] } = data
    for (const account of [debt_account, ...child_debt_accounts])
      t.same(holds.account(account.external_id), account, `${id}: ${account.external_id}`)
    if (customer) t.same(holds.customer(customer.external_id), customer, `${id}: customer`)
    if (location) t.same(holds.location(location.external_id), location, `${id}: location`)
  }

  await t.test('create', () => told('A-500300'))
  await t.test('create with everything', () => told('A-500200'))
  await t.test('create nested', () => told('A-500100'))
  await t.test('the minimum, without optional fields', () => told('123456'))
  await t.test('a customer without optional fields', async () => {
    await database.query(`
      insert into tratta_jit.customers (external_id, name) values ('bare', 'Bo');
      insert into tratta_jit.debt_accounts (external_id, customer_external_id, balance) values ('bare', 'bare', 1)`)
    await told('bare')
  })

  await t.test('update', async () => {
    await database.query(
      `update tratta_jit.debt_accounts set current_balance = 5000 where external_id = 'A-500300'`,
    )
    await told('A-500300')
  })
  await t.test('a child, asked for by itself', async (t) => {
    await database.query(`
      update tratta_jit.debt_accounts set current_balance = 80000 where external_id = 'A-500101';
      update tratta_jit.debt_accounts set current_balance = 115250 where external_id = 'A-500100'`)
    await told('A-500101')
    t.match(holds.account('A-500100'), { current_balance: 115250 }, 'Tratta sums the parent up by itself')
  })
  await t.test('a child moved to another parent', async (t) => {
    await database.query(`
      insert into tratta_jit.debt_accounts (external_id, customer_external_id, location_external_id, balance, current_balance)
        values ('A-500400', 'C-20417', 'mercy-general', 41800, 22700);
      update tratta_jit.debt_accounts set parent_external_id = 'A-500400' where external_id = 'A-500102';
      update tratta_jit.debt_accounts set (balance, current_balance) = (142450, 92550) where external_id = 'A-500100'`)
    await told('A-500400')
    await told('A-500100')
    t.match(holds.account('A-500102'), { parent_external_id: 'A-500400' })
  })
  await t.test(
    'a metadata value removed in the database stays at Tratta, for absent means untouched',
    async (t) => {
      await database.query(
        `update tratta_jit.customers set metadata = '{"kept": "1", "gone": "2"}' where external_id = 'C-20980'`,
      )
      await told('A-500300')
      await database.query(
        `update tratta_jit.customers set metadata = '{"kept": "3"}' where external_id = 'C-20980'`,
      )
      await client.trigger('A-500300')
      t.match(holds.customer('C-20980'), { metadata: { kept: '3', gone: '2' } })
    },
  )
})
