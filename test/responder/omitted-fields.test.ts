import t from 'tap'
import { AGENCY_SCHEMA } from '../support/agency-schema.ts'
import { testDatabase } from '../support/database.ts'
import { service } from '../support/program.ts'

t.test(
  'GET /jit with 10,000 invalid fields: they are omitted within the deadline',
  { timeout: 120_000 },
  async (t) => {
    const database = await testDatabase(t)
    await database.query(`${AGENCY_SCHEMA}
    create index on agency.debt_accounts (parent_external_id);
    insert into agency.debt_accounts (external_id, balance, metadata)
      select 'metadata', 1, json_object_agg('k' || n, repeat('x', 256)) from generate_series(1, 10000) n;
    insert into agency.debt_accounts (external_id, parent_external_id, balance, payment_plan, metadata, locations)
      select case when n = 0 then 'p' else lpad(n::text, 5, '0') end, case when n > 0 then 'p' end, 1,
        case when n > 0 then '{"frequency": "daily"}'::json end, case when n > 0 then '{"a": [1], "b": "ok"}'::json end,
        case when n > 0 then '[{"name": "X", "type": "x"}]'::json end
      from generate_series(0, 5000) n;
    insert into agency.debt_accounts (external_id, balance, metadata, locations, payment_plan) values
      ('keys', 1, '{"": "a", "${'k'.repeat(256)}": "b", "a/b~c": [1], "fine": "c"}',
       '[{"name": "A", "type": "bad"}, {"type": "product_type"}]', '{"frequency": 1, "amount": -1}')`)
    const { ask, line } = await service(t, database.url, { DATABASE_SCHEMA: 'agency' })
    t.same(await ask('metadata'), {
      status: 200,
      body: { data: { debt_account: { external_id: 'metadata', balance: 1 } } },
    })
    t.same(await ask('p'), {
      status: 200,
      body: {
        data: {
          debt_account: { external_id: 'p', balance: 1 },
          child_debt_accounts: Array.from({ length: 5000 }, (_, at) => ({
            external_id: String(at + 1).padStart(5, '0'),
            parent_external_id: 'p',
            balance: 1,
            locations: [{ name: 'X' }],
            metadata: { b: 'ok' },
          })),
        },
      },
    })
    t.same(await ask('keys'), {
      status: 200,
      body: { data: { debt_account: { external_id: 'keys', balance: 1, metadata: { fine: 'c' } } } },
    })
    t.same((await line(({ omitted_count }) => omitted_count === 10_001)).omitted, [
      'debt_account.metadata.*',
      'debt_account.metadata',
    ])
    t.same((await line(({ omitted_count }) => omitted_count === 15_000)).omitted, [
      'child_debt_accounts[*].locations[*].type',
      'child_debt_accounts[*].payment_plan',
      'child_debt_accounts[*].metadata.*',
    ])
  },
)

t.test('GET /jit when the deadline passes while fields are omitted: 504', { timeout: 120_000 }, async (t) => {
  const database = await testDatabase(t)
  await database.query(`${AGENCY_SCHEMA}
    insert into agency.debt_accounts (external_id, balance, metadata)
      select 'metadata', 1, json_object_agg('k' || n, repeat('x', 256)) from generate_series(1, 15000) n`)
  const { ask } = await service(t, database.url, { DATABASE_SCHEMA: 'agency', JIT_DEADLINE_MS: '100' })
  t.match(await ask('metadata'), { status: 504, body: { status: 504 } })
})
