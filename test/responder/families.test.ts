import t from 'tap'
import { AGENCY_SCHEMA } from '../support/agency-schema.ts'
import { testDatabase } from '../support/database.ts'
import { run, service } from '../support/program.ts'

const ACCOUNTS = `${AGENCY_SCHEMA}
  insert into agency.locations (external_id, name, type, metadata, additional_fields) values
    ('home', 'Clinic', null, '{"k": "v"}', null), ('other', 'Lab', 'product_type', '{"k": "v"}', '{"note": "x"}'),
    ('twice', 'A', null, null, null), ('twice', 'B', null, null, null);
  insert into agency.customers (external_id, name) values ('ann', 'Ann'), ('bo', 'Bo');
  insert into agency.debt_accounts (external_id, parent_external_id, customer_external_id, location_external_id, balance, locations)
  values ('p', null, 'ann', 'home', 3, null), ('c-1', 'p', 'ann', 'other', 1, null), ('c-2', 'p', 'bo', 'home', 1, null),
    ('c-3', 'p', null, 'other', 1, '[{"name": "Own"}]'), ('c-4', 'p', 'ann', 'gone', 1, null),
    ('c-5', 'p', 'ann', 'other', 1, '[{"external_id": "other", "name": "Lab"}]'), ('c-6', 'p', 'ann', 'twice', 1, null),
    ('only', null, 'ann', null, 1, null), ('only-c', 'only', 'bo', null, 1, null),
    ('no-customer', null, null, null, 1, null), ('no-customer-c', 'no-customer', 'bo', null, 1, null),
    ('no-parent', 'gone', 'ann', null, 1, null)`

const child = (external_id: string, locations?: object[]) => ({
  external_id,
  parent_external_id: 'p',
  balance: 1,
  ...(locations && { locations }),
})
const LAB = { external_id: 'other', name: 'Lab', type: 'product_type' }
const ANN = { external_id: 'ann', name: 'Ann' }

t.test('GET /jit for a parent and its children', async (t) => {
  const database = await testDatabase(t)
  await database.query(ACCOUNTS)
  const env = { DATABASE_SCHEMA: 'agency' }
  const { ask, adminUrl, line, requestLine } = await service(t, database.url, env)

  await t.test("omits another customer's child and sends a child's own location", async (t) => {
    t.same(await ask('p'), {
      status: 200,
      body: {
        data: {
          location: { external_id: 'home', name: 'Clinic', metadata: { k: 'v' } },
          customer: ANN,
          debt_account: { external_id: 'p', balance: 3 },
          child_debt_accounts: [
            child('c-1', [LAB]),
            child('c-3', [{ name: 'Own' }, LAB]),
            child('c-4'),
            child('c-5', [{ external_id: 'other', name: 'Lab' }]),
            child('c-6'),
          ],
        },
      },
    })
    const logged = await line(({ omitted }) => omitted !== undefined)
    t.same(
      [logged.omitted, logged.omitted_count],
      [['child_debt_accounts[*]', 'child_debt_accounts[*].locations'], 2],
    )
    const metrics = await (await fetch(`${adminUrl}/metrics`)).text()
    t.match(metrics, 'tratta_jit_fields_omitted_total{field="child_debt_accounts[*]"} 1')
  })

  await t.test('lookup names the omitted child and the reason', async (t) => {
    const { stderr } = await run(t, ['lookup', 'p'], { DATABASE_URL: database.url, ...env })
    t.equal(
      stderr,
      'omitted: child_debt_accounts[external_id=c-2] belongs to another customer\n' +
        'omitted: child_debt_accounts[4].locations its own location exists twice\n',
    )
  })

  await t.test("answers 500 for a child whose parent is another customer's", async (t) => {
    const { status, body } = await ask('c-2')
    const { request_id, ...problem } = body as { request_id: string }
    const field = 'debt_account.parent_external_id'
    t.equal(status, 500)
    t.match(problem, {
      code: 'account_not_sendable',
      field,
      detail: `${field} refers to an account of another customer`,
    })
    t.equal((await requestLine(request_id)).field, field)
  })

  for (const [id, data] of Object.entries({
    only: { customer: ANN, debt_account: { external_id: 'only', balance: 1 } },
    'no-customer': { debt_account: { external_id: 'no-customer', balance: 1 } },
    'no-parent': {
      customer: ANN,
      debt_account: { external_id: 'no-parent', parent_external_id: 'gone', balance: 1 },
    },
    'c-3': {
      location: { external_id: 'other', name: 'Lab', type: 'product_type', metadata: { k: 'v' }, note: 'x' },
      debt_account: child('c-3', [{ name: 'Own' }]),
    },
    'no-customer-c': {
      customer: { external_id: 'bo', name: 'Bo' },
      debt_account: { external_id: 'no-customer-c', parent_external_id: 'no-customer', balance: 1 },
    },
  }))
    await t.test(`${id} is sent in its own family only`, async (t) =>
      t.same(await ask(id), { status: 200, body: { data } }),
    )
})
