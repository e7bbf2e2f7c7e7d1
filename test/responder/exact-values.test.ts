import t from 'tap'
import { AGENCY_SCHEMA } from '../support/agency-schema.ts'
import { testDatabase } from '../support/database.ts'
import { SECRET, service } from '../support/program.ts'

const METADATA = `{"card": 4111111111111111234, "rate": 1.10, "large": 1e21, "small": 1.5e-3, "negative": -2.50,
  "too_large": 1e400, "absurd": 1e999999999, "yes": true, "no": false, "zero": 0, "__proto__": "x", "text": "1.10"}`
const SENT_METADATA = {
  card: '4111111111111111234',
  rate: '1.10',
  large: '1000000000000000000000',
  small: '0.0015',
  negative: '-2.50',
  yes: '1',
  no: '0',
  zero: '0',
  text: '1.10',
}

t.test('GET /jit: numbers of JSON columns are sent with the digits of the database', async (t) => {
  const database = await testDatabase(t)
  await database.query(`${AGENCY_SCHEMA}
    insert into agency.debt_accounts (external_id, balance, metadata, additional_fields, payment_plan, locations) values
      ('exact', 1, '${METADATA}', '{"settlement": {"amount": 12345678901234567890, "rate": 0.10}, "n": 1e3}',
       '{"frequency": "weekly", "recurring_day": "Friday", "amount": 150.00, "note": "internal", "iban": ""}',
       '[{"name": "X", "type": "", "external_id": null, "iban": "DE00", "metadata": {"a": "b"}, "__proto__": "y"}]'),
      ('numbers', 1, '1.5', '2.5', '3.5', '[4.5]'),
      ('fraction', 1, null, null, '{"frequency": "weekly", "recurring_day": "friday", "amount": 150.5}', null),
      ('exponent', 1, null, null, '{"frequency": "weekly", "recurring_day": "friday", "amount": 1.5e4}', null),
      ('as-text', 1, to_json('{"a": 4111111111111111234}'::text), null, null, null)`)
  const { ask, url } = await service(t, database.url, { DATABASE_SCHEMA: 'agency' })
  const text = async (id: string) =>
    (await fetch(`${url}/jit/${SECRET}?debt_account_external_id=${id}`)).text()

  t.equal(
    await text('exact'),
    `{"data":{"debt_account":{"external_id":"exact","balance":1,"locations":[{"name":"X"}],` +
      `"payment_plan":{"frequency":"weekly","recurring_day":"friday","amount":150},` +
      `"metadata":${JSON.stringify(SENT_METADATA)},` +
      `"settlement":{"amount":12345678901234567890,"rate":0.10},"n":1e3}}}`,
  )
  for (const id of ['numbers', 'fraction'])
    t.same(await ask(id), { status: 200, body: { data: { debt_account: { external_id: id, balance: 1 } } } })
  t.match(await text('exponent'), '"amount":15000}')
  t.match(await text('as-text'), '"metadata":{"a":"4111111111111111234"}')
})
