/** OMIT_FIELDS: Tratta never gets these fields, neither in a response nor in a bulk request. */
import t from 'tap'
import { testDatabase } from '../support/database.ts'
import { run, service } from '../support/program.ts'
import { startSimulator } from '../support/simulator.ts'
import { trattaSettings } from '../tratta/settings.ts'

const ACCOUNTS = `
  insert into tratta_jit.locations (external_id, name, metadata) values ('l', 'Clinic', '{"code": "7"}');
  insert into tratta_jit.customers (external_id, name, email, date_of_birth, ssn_last4, address, metadata, additional_fields)
    values ('c', 'Ann', 'ann@agency.example', '1990-01-02', '0042', '{"city": "Reno"}', '{"score": "1"}', '{"nickname": "A"}');
  insert into tratta_jit.debt_accounts
    (external_id, parent_external_id, customer_external_id, location_external_id, balance, metadata, payment_plan)
    values ('p', null, 'c', 'l', 30, '{"a": "1"}', null),
      ('k', 'p', 'c', 'l', 30, '{"b": "2"}', '{"frequency": "weekly", "amount": 5, "recurring_day": "monday"}')`
const FIELDS = [
  'customer.email',
  'customer.date_of_birth',
  'customer.ssn_last4',
  'customer.address',
  'customer.additional_fields',
  'location.metadata',
  'debt_account.metadata',
  'debt_account.payment_plan',
]
const DATA = {
  customer: { external_id: 'c', name: 'Ann', metadata: { score: '1' } },
  location: { external_id: 'l', name: 'Clinic' },
  debt_account: { external_id: 'p', balance: 30 },
  child_debt_accounts: [{ external_id: 'k', parent_external_id: 'p', balance: 30 }],
}

t.test('OMIT_FIELDS in calls, lookup, check and bulk', async (t) => {
  const database = await testDatabase(t)
  await database.query(ACCOUNTS)
  const { simulator } = await startSimulator(t)
  const env = { ...trattaSettings(database.url, simulator.url), OMIT_FIELDS: FIELDS.join(', ') }

  const { ask } = await service(t, database.url, { OMIT_FIELDS: FIELDS.join(',') })
  t.same(await ask('p'), { status: 200, body: { data: DATA } })

  const lookup = await run(t, ['lookup', 'p', '--json'], env)
  t.same(lookup.lines, [{ payload: { data: DATA }, omitted: [], withheld: FIELDS }])
  t.equal((await run(t, ['lookup', 'p'], env)).stderr, `withheld by OMIT_FIELDS: ${FIELDS.join(', ')}\n`)

  const check = await run(t, ['check', '--quick', '--json'], env)
  t.match(
    check.lines.find((line) => line.check === 'relations')?.message,
    `withheld by OMIT_FIELDS: ${FIELDS.join(', ')}`,
  )

  t.equal((await run(t, ['bulk', 'push', '--json'], { ...env, TRATTA_BULK_WAIT_SECONDS: '0' })).code, 0)
  const sent = simulator.requests.map(({ body }) => body).join('\n')
  t.match(sent, '"Ann"')
  for (const value of ['ann@agency.example', '1990-01-02', '0042', 'Reno', 'nickname', 'weekly', '"code"'])
    t.notMatch(sent, value)
})

t.test('OMIT_FIELDS with a field that cannot be omitted: exit code 2, and the possible fields', async (t) => {
  for (const field of [
    'debt_account.balance',
    'debt_account.current_balance',
    'customer.name',
    'customer.ssn',
    'ssn_last4',
  ]) {
    const { code, stderr } = await run(t, ['lookup', '1'], {
      DATABASE_URL: 'postgres://127.0.0.1:1/x',
      OMIT_FIELDS: field,
    })
    t.equal(code, 2)
    t.match(stderr, 'OMIT_FIELDS must be a comma-separated list of debt_account.external_account_number, ')
  }
})
