import t from 'tap'
import { exchange, readResponses } from '../support/raw-http.ts'
import { startSimulator, tokenAndJson } from '../support/simulator.ts'

/** The example of bulk.txt, as valid JSON. */
const account = (external_id: string, number: string, metadata: object) => ({
  billing_type: ['partial-payment'],
  external_account_number: number,
  balance: 100,
  current_balance: 100,
  external_id,
  metadata,
})
const documented = {
  customer: {
    name: 'Tremaine Abbott',
    email: 'tatum.marks@example.com',
    external_id: '70b440dc-5283-3bd5-bb93-8dc599f2288f',
    phone: '+1-489-899-2182',
    date_of_birth: '1990-01-01',
    ssn_last4: 9098,
    address: {
      name: 'Dr. Pascale Purdy',
      city: 'East Ophelia',
      postal_code: '00485-8914',
      country: 'Serbia',
      is_primary: false,
      line1: '2190 Streich Gateway\nEast Conor, OK 74977-6615',
      line2: 'Suite 420',
      state: 'Minnesota',
    },
    metadata: { pariatur: 'ipsum', ad: 'perspiciatis', culpa: 'et', rem: 'libero' },
  },
  location: { name: 'provident', external_id: 'rerum' },
  parent_debt_accounts: [
    {
      ...account('parent-external-id', '1rTg2nefvo8G', { sapiente: 'aut', doloremque: 'ut', quas: 'a' }),
      balance: 0,
      current_balance: 0,
    },
  ],
  debt_accounts: [
    account('awfert', '1rTg2nefvo8J', { sapiente: 'aut', doloremque: 'ut', quas: 'a' }),
    {
      ...account('vel', 'aCQb2a66LcaX', { et: 'reprehenderit', quia: 'quia', dolorem: 'ut' }),
      parent_external_id: 'parent-external-id',
    },
    account('quia', 'EdvUmwjHoPVU', { repudiandae: 'omnis', distinctio: 'delectus', sunt: 'quibusdam' }),
    account('maiores', 'Ii3WNP93ePKV', { libero: 'sit', sit: 'enim', est: 'ipsa' }),
    account('molestiae', 'kqipYsoS2hdN', { aut: 'laboriosam', velit: 'ut', ut: 'dolores' }),
  ],
}
const links = {
  customer_id: 'c0000000-0000-4000-8000-000000000001',
  location_id: 'f0000000-0000-4000-8000-000000000001',
}
const bulkId = (number: number) => `b0000000-0000-4000-8000-${String(number).padStart(12, '0')}`
const taken = { external_id: ['The external id has already been taken.'] }

async function startBulk(t: Parameters<typeof startSimulator>[0], options = {}) {
  const started = await startSimulator(t, { requestsPerMinute: Number.POSITIVE_INFINITY, ...options })
  return {
    ...started,
    /** Sends rows and returns their errors after processing. */
    async send(...rows: unknown[]) {
      const answer = await started.post('/bulk', { json: rows })
      t.equal(answer.status, 200)
      await started.simulator.settled()
      return (await started.get(`/bulk/${answer.body.data.bulk_id}/errors`)).body.data
    },
  }
}

t.test('the documented example', async (t) => {
  const { simulator, post, get, send } = await startBulk(t)

  t.test('POST /bulk answers pending, with the count', async (t) => {
    const answer = await post('/bulk', { json: [documented] })
    t.equal(answer.status, 200)
    t.strictSame(answer.body, { data: { bulk_id: bulkId(1), count: 1, status: 'pending' } })
    await simulator.settled()
    t.strictSame(simulator.bulkActions, [
      { bulk_id: bulkId(1), count: 1, status: 'completed', rows_with_errors: 0 },
    ])
    t.strictSame((await get(`/bulk/${bulkId(1)}/errors`)).body, { data: [] })
  })

  t.test('stores all of it, the parent with the sums of its child', async (t) => {
    const { customers, locations, debtAccounts } = simulator.store
    t.strictSame([...customers.values()], [{ uuid: links.customer_id, ...documented.customer }])
    t.strictSame(
      [...locations.values()],
      [{ uuid: links.location_id, type: 'original_creditor', ...documented.location }],
    )
    const sent = [...documented.parent_debt_accounts, ...documented.debt_accounts]
    t.strictSame(
      new Map([...debtAccounts.values()].map(({ uuid: _, ...held }) => [held.external_id, held])),
      new Map(
        sent.map((one) => [
          one.external_id,
          one.external_id === 'parent-external-id'
            ? { ...one, ...links, balance: 100, current_balance: 100 }
            : { ...one, ...links },
        ]),
      ),
    )
  })

  t.test('returns the errors of the page when sent again with one new account', async (t) => {
    const [parent] = documented.parent_debt_accounts
    const accounts = [
      { ...documented.debt_accounts[0]!, external_id: 'new' },
      ...documented.debt_accounts.slice(1),
    ]
    const payload = { ...documented, debt_accounts: accounts }
    t.strictSame(await send(payload), [
      {
        id: 2,
        payload,
        errors: {
          customer: [],
          location: [],
          parent_debt_accounts: [{ data: parent, messages: taken }],
          debt_accounts: accounts.slice(1).map((data) => ({ data, messages: taken })),
        },
      },
    ])
    t.ok(simulator.store.debtAccounts.has('new'))
    const text = JSON.stringify(
      (await get(`/bulk/${bulkId(2)}/errors`)).body.data[0].payload.debt_accounts[0],
    )
    t.equal(
      text,
      '{"balance":100,"metadata":{"quas":"a","sapiente":"aut","doloremque":"ut"},"external_id":"new",' +
        '"billing_type":["partial-payment"],"current_balance":100,"external_account_number":"1rTg2nefvo8J"}',
      'keys in the order of the page, which is not the order sent',
    )
  })
})

t.test('POST /bulk', async (t) => {
  const { simulator, post, get } = await startBulk(t)
  const rows = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ customer: { name: `N ${index}` } }))

  for (const [title, given, message] of [
    ['1,001 rows', { json: rows(1001) }, 'The data field must not have more than 1000 items.'],
    ['an object', { json: { data: rows(1) } }, 'The data field must be an array.'],
    ['no rows', { json: [] }, 'The data field is required.'],
    ['broken JSON', { text: '[{},]' }, 'The data field is required.'],
    ['a form', { form: { data: '[]' } }, 'The data field is required.'],
  ] as const) {
    t.test(`answers 422 for ${title}`, async (t) => {
      const answer = await post('/bulk', given)
      t.equal(answer.status, 422)
      t.strictSame(answer.body, { message, errors: { data: [message] } })
    })
  }
  t.test('accepts 1,000 rows', async (t) => {
    const answer = await post('/bulk', { json: rows(1000) })
    t.strictSame(answer.body, { data: { bulk_id: bulkId(1), count: 1000, status: 'pending' } })
    await simulator.settled()
    t.equal(simulator.store.customers.size, 1000)
  })
  t.test('accepts 20 MB', async (t) => {
    const row = { customer: { name: 'N', note: 'x'.repeat(20_000_000) } }
    t.equal((await post('/bulk', { json: [row] })).status, 200)
  })
  t.test('answers 413 for 33 MB', async (t) => {
    // The body is not sent: a client that sends it can lose the response, because the simulator stops reading.
    const { host, pathname } = new URL(`${simulator.url}/bulk`)
    const headers = {
      host,
      ...tokenAndJson,
      'content-type': 'application/json',
      'content-length': 33 * 1024 * 1024,
    }
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
    const received = await exchange(
      simulator.url,
      `POST ${pathname} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`,
    )
    t.match(readResponses(received), [{ status: 413, body: { message: 'Payload Too Large' } }])
  })
  t.test('GET /bulk/{id}/errors answers 404 for an unknown id', async (t) => {
    const answer = await get('/bulk/nothing/errors')
    t.equal(answer.status, 404)
    t.strictSame(answer.body, { message: 'No query results for model [Bulk] nothing' })
  })
})

t.test('a bulk action is pending for bulkDelayMs', async (t) => {
  const { simulator, post, get } = await startBulk(t, { bulkDelayMs: 200 })
  await post('/bulk', { json: [{ customer: { name: ' ' } }] })
  t.strictSame((await get(`/bulk/${bulkId(1)}/errors`)).body, { data: [] })
  t.equal(simulator.bulkActions[0]?.status, 'pending')
  await simulator.settled()
  t.equal((await get(`/bulk/${bulkId(1)}/errors`)).body.data.length, 1)
  t.equal(simulator.bulkActions[0]?.status, 'completed')
})

t.test('parents', async (t) => {
  const { simulator, send } = await startBulk(t)
  const customer = (external_id: string) => ({ name: 'N', external_id })
  const sums = (key: string) => {
    const { balance, current_balance } = simulator.store.debtAccounts.get(key)!
    return [balance, current_balance]
  }
  const selected = { parent_external_id: ['The selected parent external id is invalid.'] }

  t.test('accepts an implicit parent in any position', async (t) => {
    const errors = await send({
      customer: customer('c1'),
      debt_accounts: [
        { external_id: 'x', parent_external_id: 'p', balance: 10, current_balance: 9 },
        { external_id: 'p', parent_external_id: null, balance: 1 },
        { external_id: 'y', parent_external_id: 'p', balance: 20 },
      ],
    })
    t.strictSame(errors, [])
    t.strictSame(sums('p'), [30, 29])
    t.notOk('parent_external_id' in simulator.store.debtAccounts.get('p')!)
    t.equal(simulator.store.debtAccounts.get('x')!.parent_external_id, 'p')
  })
  t.test('accepts a stored parent', async (t) => {
    t.strictSame(
      await send({
        customer: customer('c2'),
        debt_accounts: [{ external_id: 'z', parent_external_id: 'p', balance: 5 }],
      }),
      [],
    )
    t.strictSame(sums('p'), [35, 34])
  })
  t.test('rejects an unknown parent', async (t) => {
    const orphan = { external_id: 'o', parent_external_id: 'nobody', balance: 5 }
    const payload = { customer: customer('c3'), debt_accounts: [orphan, { external_id: 'own', balance: 5 }] }
    t.strictSame(await send(payload), [
      {
        id: 3,
        payload,
        errors: { customer: [], location: [], debt_accounts: [{ data: orphan, messages: selected }] },
      },
    ])
    t.ok(simulator.store.debtAccounts.has('own'))
    t.notOk(simulator.store.debtAccounts.has('o'))
  })
  t.test('rejects the child of a rejected parent', async (t) => {
    const parent = { external_id: 'q', balance: '5' }
    const child = { external_id: 'qx', parent_external_id: 'q', balance: 5 }
    const payload = { customer: customer('c4'), parent_debt_accounts: [parent], debt_accounts: [child] }
    t.strictSame(await send(payload), [
      {
        id: 4,
        payload,
        errors: {
          customer: [],
          location: [],
          parent_debt_accounts: [
            { data: parent, messages: { balance: ['The balance field must be an integer.'] } },
          ],
          debt_accounts: [{ data: child, messages: selected }],
        },
      },
    ])
  })
})

t.test('errors', async (t) => {
  const { simulator, send } = await startBulk(t)
  const good = { external_id: 'good', balance: 1 }

  t.test('an invalid customer rejects the row', async (t) => {
    const customer = { external_id: 'c', email: 'x', address: { city: 5 } }
    const bad = { external_id: 'bad', balance: null }
    const payload = { customer, debt_accounts: [good, bad] }
    t.strictSame(await send(payload), [
      {
        id: 1,
        payload,
        errors: {
          customer: {
            name: ['The name field is required.'],
            email: ['The email field must be a valid email address.'],
            'address.city': ['The address.city field must be a string.'],
          },
          location: [],
          debt_accounts: [{ data: bad, messages: { balance: ['The balance field is required.'] } }],
        },
      },
    ])
    t.equal(simulator.store.debtAccounts.size, 0)
  })
  t.test('an invalid location rejects the row', async (t) => {
    const payload = { customer: { name: 'N' }, location: { name: 'L', type: 'x' }, debt_accounts: [good] }
    t.strictSame(await send(payload), [
      {
        id: 2,
        payload,
        errors: { customer: [], location: { type: ['The selected type is invalid.'] }, debt_accounts: [] },
      },
    ])
    const { customers, debtAccounts } = simulator.store
    t.strictSame([customers.size, debtAccounts.size], [0, 0])
  })
  t.test('rows and lists of a wrong type are errors', async (t) => {
    const errors = await send(
      5,
      { customer: [] },
      { customer: { name: 'N' }, debt_accounts: {} },
      { customer: { name: 'N' }, debt_accounts: [5] },
    )
    t.strictSame(
      errors.map((row: { id: number; errors: unknown }) => [row.id, row.errors]),
      [
        [3, { customer: { customer: ['The customer field is required.'] }, location: [], debt_accounts: [] }],
        [
          4,
          {
            customer: { customer: ['The customer field must be an array.'] },
            location: [],
            debt_accounts: [],
          },
        ],
        [
          5,
          {
            customer: [],
            location: [],
            debt_accounts: [
              { data: {}, messages: { debt_accounts: ['The debt accounts field must be an array.'] } },
            ],
          },
        ],
        [
          6,
          {
            customer: [],
            location: [],
            debt_accounts: [
              { data: 5, messages: { debt_account: ['The debt account field must be an array.'] } },
            ],
          },
        ],
      ],
    )
  })
  t.test('an account without external_id, with a uuid, or sent twice is an error', async (t) => {
    const nameless = { balance: 1 }
    const withUuid = { external_id: 'u', uuid: 'a', balance: 1 }
    const payload = { customer: { name: 'N' }, debt_accounts: [nameless, withUuid, good, good] }
    t.strictSame((await send(payload))[0].errors.debt_accounts, [
      { data: nameless, messages: { external_id: ['The external id field is required.'] } },
      { data: withUuid, messages: { uuid: ['The uuid field is prohibited.'] } },
      { data: good, messages: taken },
    ])
  })
  t.test('a location with the name of another location is an error', async (t) => {
    const row = (external_id?: string) => ({
      customer: { name: 'N' },
      location: { name: 'L', ...(external_id && { external_id }) },
    })
    t.strictSame(await send(row('one'), row('one'), row()), [])
    t.strictSame((await send(row('two')))[0].errors.location, { name: ['The name has already been taken.'] })
    t.equal(simulator.store.locations.size, 1)
  })
})

t.test('a stored customer', async (t) => {
  const row = (name: string, account: string) => ({
    customer: { external_id: 'c', name },
    debt_accounts: [{ external_id: account, balance: 1 }],
  })
  t.test('is used unchanged', async (t) => {
    const { simulator, send } = await startBulk(t)
    t.strictSame(await send(row('First', 'a'), row('Second', 'b')), [])
    t.strictSame(
      [...simulator.store.customers.values()],
      [{ uuid: links.customer_id, external_id: 'c', name: 'First' }],
    )
    t.equal(simulator.store.debtAccounts.get('b')?.customer_id, links.customer_id)
  })
  t.test('existingCustomers: reject rejects the row', async (t) => {
    const { simulator, send } = await startBulk(t, { existingCustomers: 'reject' })
    const again = {
      ...row('Second', 'b'),
      debt_accounts: [
        { external_id: 'a', balance: 1 },
        { external_id: 'b', balance: 1 },
      ],
    }
    t.strictSame(await send(row('First', 'a'), again), [
      {
        id: 2,
        payload: again,
        errors: {
          customer: taken,
          location: [],
          debt_accounts: [{ data: again.debt_accounts[0], messages: taken }],
        },
      },
    ])
    t.notOk(simulator.store.debtAccounts.has('b'))
  })
})

t.test('paginated errors', async (t) => {
  const { simulator, post, get } = await startBulk(t, { errorsPerPage: 10 })
  const row = { customer: { name: 'N' }, debt_accounts: [{ external_id: 'same', balance: 1 }] }
  await post('/bulk', { json: Array.from({ length: 26 }, () => row) })
  await simulator.settled()
  const path = `/bulk/${bulkId(1)}/errors`
  const address = `${simulator.url}${path}`

  t.test('have ten rows per page, and links', async (t) => {
    const { body } = await get(path)
    t.strictSame(
      body.data.map(({ id }: { id: number }) => id),
      [2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    )
    t.strictSame(body.links, {
      first: `${address}?page=1`,
      last: `${address}?page=3`,
      prev: null,
      next: `${address}?page=2`,
    })
    t.strictSame(body.meta, { current_page: 1, last_page: 3, per_page: 10, total: 25 })
  })
  t.test('the last page has the rest, and no next page', async (t) => {
    const { body } = await get(`${path}?page=3`)
    t.strictSame(
      body.data.map(({ id }: { id: number }) => id),
      [22, 23, 24, 25, 26],
    )
    t.strictSame(body.links, {
      first: `${address}?page=1`,
      last: `${address}?page=3`,
      prev: `${address}?page=2`,
      next: null,
    })
    t.strictSame(body.meta, { current_page: 3, last_page: 3, per_page: 10, total: 25 })
  })
  for (const limit of [1, 5, 7, 25, 26])
    t.test(`links.next leads to the last page, with ${limit} rows per page`, async (t) => {
      const ids: number[] = []
      let pages = 0
      for (let next: string | null = `${path}?limit=${limit}`; next; pages += 1) {
        const { body } = await get(next.replace(simulator.url, ''))
        ids.push(...body.data.map(({ id }: { id: number }) => id))
        next = body.links.next
      }
      t.equal(pages, Math.ceil(25 / limit))
      t.strictSame(
        ids,
        Array.from({ length: 25 }, (_, index) => index + 2),
      )
    })
  t.test('a limit above 500 is 500', async (t) => {
    t.equal((await get(`${path}?limit=501`)).body.meta.per_page, 500)
  })
  t.test('no rows are one page without a next one', async (t) => {
    await post('/bulk', { json: [{ customer: { name: 'M' } }] })
    await simulator.settled()
    const { body } = await get(`/bulk/${bulkId(2)}/errors`)
    t.strictSame([body.data, body.links.next, body.meta.last_page], [[], null, 1])
  })
  t.test('every form of errorsPaging ends after the last page', async (t) => {
    const last = {
      next_page_url: { data: 5, current_page: 3, next_page_url: null, per_page: 10 },
      last_page: { data: 5, meta: { current_page: 3, last_page: 3, per_page: 10, total: 25 } },
      cursor: { data: 5, meta: { per_page: 10, next_cursor: null } },
      link_header: { data: 5, per_page: 10 },
      path: { data: 5, links: { next: null } },
    } as const
    for (const [errorsPaging, expected] of Object.entries(last)) {
      simulator.configure({ errorsPaging: errorsPaging as keyof typeof last })
      const suffix = { cursor: '?cursor=3', path: '/page/3' }[errorsPaging] ?? '?page=3'
      const { body, headers } = await get(`${path}${suffix}`)
      t.strictSame({ ...body, data: body.data.length }, expected, errorsPaging)
      t.equal(headers.get('link'), null)
    }
  })
  t.test('errorsPaging: circle and endless have no last page', async (t) => {
    simulator.configure({ errorsPaging: 'circle' })
    t.equal((await get(`${path}?page=3`)).body.links.next, `${address}?page=3`)
    simulator.configure({ errorsPaging: 'endless' })
    const { body } = await get(`${path}?page=900`)
    t.strictSame([body.data.length, body.links.next], [10, `${address}?page=901`])
  })
})

t.test('rejectedRows', async (t) => {
  const { simulator, send } = await startBulk(t, { rejectedRows: 0.1, seed: 7 })
  const rows = Array.from({ length: 1000 }, (_, index) => ({
    customer: { external_id: `c${index}`, name: 'N' },
    debt_accounts: [{ external_id: `a${index}`, balance: index }],
  }))
  const first = await send(...rows)
  const ofCustomers = first.filter((row: { errors: { customer: object } }) => 'name' in row.errors.customer)
  t.equal(first.length, 90)
  t.equal(ofCustomers.length, 47, 'customers; the others are accounts')
  t.equal(simulator.store.customers.size, 1000 - ofCustomers.length)
  t.equal(simulator.store.debtAccounts.size, 1000 - first.length)
  t.strictSame(ofCustomers[0].errors, {
    customer: { name: ['The name field format is invalid.'] },
    location: [],
    debt_accounts: [],
  })

  t.test('rejects the same rows again, with the same errors', async (t) => {
    const rejected = first.map((row: { payload: unknown }) => row.payload)
    const again = await send(...rejected)
    t.strictSame(
      again.map((row: { errors: unknown }) => row.errors),
      first.map((row: { errors: unknown }) => row.errors),
    )
  })
  t.test('accepts a corrected row', async (t) => {
    const { customer, debt_accounts } = ofCustomers[0].payload
    t.strictSame(await send({ customer: { ...customer, name: 'Corrected' }, debt_accounts }), [])
  })
})

t.test('stores and finds thousands of rows', async (t) => {
  const { simulator, send } = await startBulk(t)
  const rows = (from: number) =>
    Array.from({ length: 1000 }, (_, index) => ({
      customer: { external_id: `c${from + index}`, name: `N ${from + index}` },
      debt_accounts: [{ external_id: `a${from + index}`, balance: from + index }],
    }))
  for (const from of [0, 1000, 2000]) t.strictSame(await send(...rows(from)), [])
  const { customers, debtAccounts } = simulator.store
  for (const number of [2999, 0, 511, 512, 1024, 1]) {
    t.equal(customers.get(`c${number}`)?.name, `N ${number}`)
    t.equal(debtAccounts.get(`a${number}`)?.balance, number)
  }
  t.equal(
    [...debtAccounts.values()].reduce((sum, { balance }) => sum + balance, 0),
    (2999 * 3000) / 2,
  )
  const again = await send(...rows(1000))
  t.equal(again.length, 1000)
  t.strictSame(again[700].payload, rows(1000)[700])
  t.equal(again[700].id, 3701)
})
