import fc from 'fast-check'
import t from 'tap'
import { createStore } from '../../src/simulator/store.ts'
import { startBoth } from '../support/simulator.ts'

t.test('sent fields are updated, absent fields keep their value', async (t) => {
  const { trigger, simulator } = await startBoth(t)
  await trigger({
    customer: {
      external_id: 'c',
      name: 'First Name',
      email: 'first@mail.example',
      ssn_last4: '0042',
      address: { line1: '1 Main Street', city: 'Duluth' },
    },
    location: { external_id: 'l', name: 'Creditor', type: 'current_creditor' },
    debt_account: {
      external_id: 'debt-account-123',
      balance: 100,
      current_balance: 90,
      billing_type: ['one-time', 'scheduled'],
      settlement_amount: null,
    },
  })
  const answer = await trigger({
    customer: { external_id: 'c', name: 'Second Name', address: { line1: '2 Main Street' } },
    location: { external_id: 'l', name: 'Creditor' },
    debt_account: {
      external_id: 'debt-account-123',
      balance: 100,
      current_balance: 80,
      billing_type: ['one-time'],
    },
  })
  t.strictSame(answer.body.data, {
    location: {
      uuid: 'f0000000-0000-4000-8000-000000000001',
      type: 'current_creditor',
      external_id: 'l',
      name: 'Creditor',
    },
    customer: {
      uuid: 'c0000000-0000-4000-8000-000000000001',
      external_id: 'c',
      name: 'Second Name',
      email: 'first@mail.example',
      ssn_last4: '0042',
      address: { line1: '2 Main Street' },
    },
    debt_account: {
      uuid: 'a0000000-0000-4000-8000-000000000001',
      external_id: 'debt-account-123',
      balance: 100,
      current_balance: 80,
      billing_type: ['one-time'],
      settlement_amount: null,
      customer_id: 'c0000000-0000-4000-8000-000000000001',
      location_id: 'f0000000-0000-4000-8000-000000000001',
    },
  })
  const { customers, locations, debtAccounts } = simulator.store
  t.strictSame([customers.size, locations.size, debtAccounts.size], [1, 1, 1])

  t.test('an account sent without customer and location keeps its links', async (t) => {
    await trigger({ debt_account: { external_id: 'debt-account-123', balance: 70 } })
    t.strictSame(simulator.store.debtAccounts.get('debt-account-123'), {
      ...answer.body.data.debt_account,
      balance: 70,
    })
  })
})

t.test('metadata', async (t) => {
  const { trigger, simulator } = await startBoth(t)
  const send = async (metadata?: object) => {
    const answer = await trigger({
      customer: { external_id: 'c', name: 'N', ...(metadata && { metadata }) },
      debt_account: { external_id: 'debt-account-123', balance: 1 },
    })
    t.equal(answer.status, 200)
    return simulator.store.customers.get('c')?.metadata
  }
  t.strictSame(await send({ a: '1', b: '2', empty: '' }), { a: '1', b: '2' }, 'an empty value is not created')
  t.strictSame(await send({ b: '3', c: '4' }), { a: '1', b: '3', c: '4' }, 'keys are merged')
  t.strictSame(await send({ a: '', b: null }), { c: '4' }, 'an empty value deletes its key')
  t.strictSame(await send(), { c: '4' }, 'absent metadata changes nothing')
  t.strictSame(await send({}), undefined, 'empty deletes all')
  t.strictSame(await send({ d: '€'.repeat(255) }), { d: '€'.repeat(255) })
  t.strictSame(await send({ d: '' }), undefined, 'nothing is left of it')
})

t.test('metadata with any keys and values is stored unchanged', async (t) => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.string({ minLength: 1 }), { minKeys: 1 }), (metadata) => {
      const store = createStore()
      const sent = JSON.parse(JSON.stringify({ external_id: 'c', name: 'N', metadata }))
      store.saveCustomer(sent)
      store.customers.compress('c0000000-0000-4000-8000-000000000001')
      t.strictSame(JSON.stringify(store.customers.get('c')?.metadata), JSON.stringify(metadata))
    }),
    { examples: [[JSON.parse('{"__proto__":"x","constructor":"y"}')]], numRuns: 200 },
  )
})

const balances = (
  store: { debtAccounts: { get(key: string): { balance: number; current_balance?: number } | undefined } },
  ...keys: string[]
) =>
  keys.map((key) => {
    const account = store.debtAccounts.get(key)
    return [account?.balance, account?.current_balance]
  })

t.test('parents and children', async (t) => {
  const { trigger, simulator } = await startBoth(t)
  const parent = (external_id: string, balance = 0) => ({ external_id, balance, current_balance: balance })
  const child = (
    external_id: string,
    parent_external_id: string,
    balance: number,
    current_balance = balance,
  ) => ({
    external_id,
    parent_external_id,
    balance,
    current_balance,
  })
  const sums = (...keys: string[]) => balances(simulator.store, ...keys)

  t.test('a parent has the sums of its children', async (t) => {
    await trigger(
      {
        debt_account: parent('p', 1),
        child_debt_accounts: [child('x', 'p', 10, 9), child('y', 'p', 20, 18)],
      },
      'p',
    )
    t.strictSame(sums('p', 'x', 'y'), [
      [30, 27],
      [10, 9],
      [20, 18],
    ])
  })
  t.test('an update of one child changes the sums', async (t) => {
    const answer = await trigger({ debt_account: child('x', 'p', 10, 5) }, 'x')
    t.equal(answer.body.data.debt_account.parent_external_id, 'p')
    t.strictSame(sums('p'), [[30, 23]])
  })
  t.test('a child sent without parent_external_id keeps its parent', async (t) => {
    await trigger({ debt_account: { external_id: 'x', balance: 11 } }, 'x')
    t.strictSame(sums('p'), [[31, 23]])
    t.equal(simulator.store.debtAccounts.get('x')?.parent_external_id, 'p')
  })
  t.test('a child that moves changes the sums of both parents', async (t) => {
    await trigger({ debt_account: parent('q', 500) }, 'q')
    await trigger({ debt_account: child('y', 'q', 20, 18) }, 'y')
    t.strictSame(sums('p', 'q'), [
      [11, 5],
      [20, 18],
    ])
  })
  t.test('a child that moves with its new parent leaves the old parent with 0', async (t) => {
    await trigger({ debt_account: parent('r'), child_debt_accounts: [child('x', 'r', 11, 5)] }, 'r')
    t.strictSame(sums('p', 'q', 'r'), [
      [0, 0],
      [20, 18],
      [11, 5],
    ])
  })
  t.test('a parent sent alone keeps the values sent', async (t) => {
    await trigger({ debt_account: parent('r', 99) }, 'r')
    t.strictSame(sums('r'), [[99, 99]])
  })
  t.test('sums propagate to the grandparent', async (t) => {
    await trigger({ debt_account: parent('top'), child_debt_accounts: [child('r', 'top', 11, 5)] }, 'top')
    await trigger({ debt_account: child('x', 'r', 40, 30) }, 'x')
    t.strictSame(sums('r', 'top'), [
      [40, 30],
      [40, 30],
    ])
  })
  t.test('the response for a child may be its parent with the child', async (t) => {
    const answer = await trigger(
      { debt_account: parent('top'), child_debt_accounts: [child('r', 'top', 40, 30)] },
      'r',
    )
    t.equal(answer.status, 200)
  })
  t.test('an account cannot become its own ancestor', async (t) => {
    const message = 'The selected debt account.parent external id is invalid.'
    const answer = await trigger({ debt_account: child('top', 'x', 1) }, 'top')
    t.equal(answer.status, 422)
    t.strictSame(answer.body, { message, errors: { 'debt_account.parent_external_id': [message] } })
  })
  t.test('an absent current_balance counts as the balance', async (t) => {
    await trigger(
      {
        debt_account: parent('s'),
        child_debt_accounts: [{ external_id: 'z', parent_external_id: 's', balance: 7 }],
      },
      's',
    )
    t.strictSame(sums('s', 'z'), [
      [7, 7],
      [7, undefined],
    ])
  })
})

t.test('unknownParents: accept accepts a child before its parent', async (t) => {
  const { trigger, simulator } = await startBoth(t, { unknownParents: 'accept' })
  await trigger({ debt_account: { external_id: 'x', parent_external_id: 'p', balance: 5 } }, 'x')
  t.strictSame(balances(simulator.store, 'x', 'p'), [
    [5, undefined],
    [undefined, undefined],
  ])
  await trigger({ debt_account: { external_id: 'p', balance: 1000 } }, 'p')
  t.strictSame(balances(simulator.store, 'p'), [[5, 5]])
  const answer = await trigger(
    { debt_account: { external_id: 'p', parent_external_id: 'x', balance: 1 } },
    'p',
  )
  t.equal(answer.status, 422, 'a cycle is rejected')
})

t.test('identity', async (t) => {
  const { trigger, simulator } = await startBoth(t)
  const { store } = simulator
  const account = { external_id: 'debt-account-123', balance: 1 }

  t.test('a uuid identifies a stored customer', async (t) => {
    const first = await trigger({ customer: { name: 'No Id' }, debt_account: account })
    const { uuid } = first.body.data.customer
    t.strictSame([...store.customers.keys()], [uuid])
    await trigger({ customer: { uuid, name: 'Changed' }, debt_account: account })
    t.strictSame([...store.customers.values()], [{ uuid, name: 'Changed' }])

    t.test('a uuid can set external_id once', async (t) => {
      await trigger({ customer: { uuid, external_id: 'c', name: 'Changed' }, debt_account: account })
      t.strictSame([...store.customers.keys()], ['c'])
      t.strictSame(store.customers.get(uuid), store.customers.get('c'))
      const message = 'The selected customer.external id is invalid.'
      const answer = await trigger({
        customer: { uuid, external_id: 'd', name: 'Changed' },
        debt_account: account,
      })
      t.strictSame(answer.body, { message, errors: { 'customer.external_id': [message] } })
    })
    t.test('a uuid cannot set an external_id that is in use', async (t) => {
      const other = await trigger({ customer: { name: 'Other' }, debt_account: account })
      const message = 'The customer.external id has already been taken.'
      const answer = await trigger({
        customer: { uuid: other.body.data.customer.uuid, external_id: 'c', name: 'Other' },
        debt_account: account,
      })
      t.strictSame(answer.body, { message, errors: { 'customer.external_id': [message] } })
    })
    t.test('a uuid alone identifies an account', async (t) => {
      const answer = await trigger({ debt_account: { uuid: first.body.data.debt_account.uuid, balance: 2 } })
      t.equal(answer.status, 200)
      t.equal(store.debtAccounts.get('debt-account-123')?.balance, 2)
      t.equal(store.debtAccounts.size, 1)
    })
  })

  t.test('a customer without identifiers is created each time', async (t) => {
    const before = store.customers.size
    await trigger({ customer: { name: 'No Id' }, debt_account: account })
    t.equal(store.customers.size, before + 1)
  })

  t.test('name and type identify a location without identifiers', async (t) => {
    const send = async (location: object) => (await trigger({ location, debt_account: account })).body
    const first = await send({ name: 'Creditor' })
    t.strictSame(await send({ name: 'Creditor', type: 'original_creditor' }), first)
    const second = await send({ name: 'Creditor', type: 'current_creditor' })
    t.not(second.data.location.uuid, first.data.location.uuid)
    const message = 'The location.name has already been taken.'
    t.strictSame(await send({ external_id: 'l', name: 'Creditor' }), {
      message,
      errors: { 'location.name': [message] },
    })
    await send({ external_id: 'l', name: 'Another' })
    t.strictSame(await send({ external_id: 'l', name: 'Creditor' }), {
      message,
      errors: { 'location.name': [message] },
    })
    t.equal((await send({ external_id: 'l', name: 'Third' })).data.location.name, 'Third')
    t.equal(
      (await send({ external_id: 'm', name: 'Another' })).data.location.name,
      'Another',
      'the name is free again',
    )
  })
})
