import { readFileSync } from 'node:fs'
import pg from 'pg'
import t from 'tap'
import { AGENCY_SCHEMA } from '../support/agency-schema.ts'
import { MINIMUM, testDatabase } from '../support/database.ts'
import { service } from '../support/program.ts'

// Each test has a database of its own, and waits most of the time.
t.jobs = 2

const SAMPLE = readFileSync('sample/accounts.sql', 'utf8')

const TREMAINE = {
  external_id: '70b440dc-5283-3bd5-bb93-8dc599f2288f',
  name: 'Tremaine Abbott',
  email: 'tatum.marks@example.com',
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
}
const PROVIDENT = { external_id: 'rerum', name: 'provident' }

const bulkAccount = (external_id: string, external_account_number: string, metadata: object) => ({
  external_id,
  external_account_number,
  billing_type: ['partial-payment'],
  balance: 100,
  current_balance: 100,
  metadata,
})
const VEL = bulkAccount('vel', 'aCQb2a66LcaX', { et: 'reprehenderit', quia: 'quia', dolorem: 'ut' })

t.test(
  "GET /jit for each account of the sample, which has Tratta's documented examples: its payload",
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    await database.query(SAMPLE)
    await database.query(MINIMUM)
    const { ask } = await service(t, database.url)
    const answers = (externalId: string, data: object) =>
      t.test(externalId, async (t) => t.same(await ask(externalId), { status: 200, body: { data } }))

    await answers('debt-account-123', {
      location: { external_id: 'location-123', name: 'Test Location' },
      customer: { external_id: 'customer-123', name: 'Test Customer' },
      debt_account: { external_id: 'debt-account-123', balance: 2000, current_balance: 2000 },
      child_debt_accounts: [
        {
          external_id: 'debt-account-124',
          parent_external_id: 'debt-account-123',
          balance: 1000,
          current_balance: 1000,
        },
        {
          external_id: 'debt-account-125',
          parent_external_id: 'debt-account-123',
          balance: 1000,
          current_balance: 1000,
        },
      ],
    })
    await answers('123456', { debt_account: { external_id: '123456', balance: 2000 } })
    const bulk = { customer: TREMAINE, location: PROVIDENT }
    await answers('parent-external-id', {
      ...bulk,
      debt_account: {
        ...bulkAccount('parent-external-id', '1rTg2nefvo8G', {
          sapiente: 'aut',
          doloremque: 'ut',
          quas: 'a',
        }),
        balance: 0,
        current_balance: 0,
      },
      child_debt_accounts: [{ ...VEL, parent_external_id: 'parent-external-id' }],
    })
    await answers('vel', { ...bulk, debt_account: { ...VEL, parent_external_id: 'parent-external-id' } })
    await answers('awfert', {
      ...bulk,
      debt_account: bulkAccount('awfert', '1rTg2nefvo8J', { sapiente: 'aut', doloremque: 'ut', quas: 'a' }),
    })
    await answers('quia', {
      ...bulk,
      debt_account: bulkAccount('quia', 'EdvUmwjHoPVU', {
        repudiandae: 'omnis',
        distinctio: 'delectus',
        sunt: 'quibusdam',
      }),
    })
    await answers('maiores', {
      ...bulk,
      debt_account: bulkAccount('maiores', 'Ii3WNP93ePKV', { libero: 'sit', sit: 'enim', est: 'ipsa' }),
    })
    await answers('molestiae', {
      ...bulk,
      debt_account: bulkAccount('molestiae', 'kqipYsoS2hdN', {
        aut: 'laboriosam',
        velit: 'ut',
        ut: 'dolores',
      }),
    })
    await answers('A-500200', {
      location: {
        external_id: 'northwind-power',
        name: 'Northwind Power & Light',
        type: 'original_creditor',
      },
      customer: {
        external_id: 'C-20417',
        name: 'María-José Núñez',
        email: 'mj.nunez@example.org',
        phone: '(206) 555-0142',
        date_of_birth: '1984-02-29',
        ssn_last4: '0042',
        address: {
          line1: '418 Alder St Apt 3',
          city: 'Seattle',
          postal_code: '98104',
          state: 'WA',
          country: 'US',
          is_primary: true,
        },
        metadata: { preferred_language: 'es' },
      },
      debt_account: {
        external_id: 'A-500200',
        external_account_number: 'NW-0031-99',
        billing_type: ['one-time', 'scheduled', 'promise-to-pay'],
        balance: 64900,
        current_balance: 40215,
        locations: [
          { name: 'Cascade Funding LLC', external_id: 'cascade-funding', type: 'current_creditor' },
          { name: 'Electricity', type: 'product_type' },
        ],
        payment_plan: { frequency: 'monthly', recurring_day: '15th', amount: 5000 },
        metadata: { minimum_payment_amount: '2500', placement: '2026-05' },
        status: 'open',
      },
    })
  },
)

t.test(
  'children are ordered by the bytes of their external_id, in a database with an ICU collation',
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    const name = `test_icu_${process.pid}`
    await database.query(
      `create database ${name} locale_provider icu icu_locale 'en-US' locale 'C' encoding 'UTF8' template template0`,
    )
    t.teardown(() => database.query(`drop database ${name} with (force)`))
    const url = new URL(database.url)
    url.pathname = `/${name}`
    const client = new pg.Client(url.href)
    await client.connect()
    await client.query(`${AGENCY_SCHEMA}
    insert into agency.debt_accounts (external_id, parent_external_id, balance)
    values ('p', null, 5), ('b', 'p', 1), ('B', 'p', 1), ('a', 'p', 1), ('é', 'p', 1), ('z', 'p', 1), ('10', 'p', 1),
      ('9', 'p', 1)`)
    const ordered = await client.query<{ external_id: string }>(
      'select external_id from agency.debt_accounts where balance = 1 order by external_id',
    )
    await client.end()
    t.same(
      ordered.rows.map(({ external_id }) => external_id),
      ['10', '9', 'a', 'b', 'B', 'é', 'z'],
      'the collation of the database has another order',
    )
    const { ask } = await service(t, url.href, { DATABASE_SCHEMA: 'agency' })
    const { body } = await ask('p')
    const children = (body as { data: { child_debt_accounts: { external_id: string }[] } }).data
      .child_debt_accounts
    t.same(
      children.map((child) => child.external_id),
      ['10', '9', 'B', 'a', 'b', 'z', 'é'],
    )
  },
)

t.test(
  'GET /jit for amounts of a view: whole cents are sent, others are an error',
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    await database.query(`${AGENCY_SCHEMA}
    insert into agency.debt_accounts (external_id, parent_external_id, balance, current_balance) values
      ('zero', null, 0, 0), ('credit', null, -250, -250), ('largest', null, 9007199254740991, 9007199254740991),
      ('numeric', null, 150.00, 150), ('negative-zero', null, -0.0, 0),
      ('null', null, null, 5), ('too-large', null, 9007199254740993, 5),
      ('too-large-now', null, 5, 9007199254740993), ('fraction', null, 5, 12.7),
      ('parent', null, 5, 5), ('child-1', 'parent', 5, 5), ('child-2', 'parent', null, 5),
      ('large-parent', null, 9007199254740991, 1), ('large-child', 'large-parent', 9007199254740991, 1)`)
    const { ask, requestLine } = await service(t, database.url, { DATABASE_SCHEMA: 'agency' })
    const cents = 'must be a whole number of cents, at most 9007199254740991'

    for (const [external_id, balance, current_balance] of [
      ['zero', 0, 0],
      ['negative-zero', 0, 0],
      ['credit', -250, -250],
      ['largest', 9007199254740991, 9007199254740991],
      ['numeric', 150, 150],
    ])
      t.same(await ask(String(external_id)), {
        status: 200,
        body: { data: { debt_account: { external_id, balance, current_balance } } },
      })
    t.same(await ask('large-parent'), {
      status: 200,
      body: {
        data: {
          debt_account: { external_id: 'large-parent', balance: 9007199254740991, current_balance: 1 },
          child_debt_accounts: [
            {
              external_id: 'large-child',
              parent_external_id: 'large-parent',
              balance: 9007199254740991,
              current_balance: 1,
            },
          ],
        },
      },
    })
    for (const [externalId, field, reason] of [
      ['null', 'debt_account.balance', 'is missing'],
      ['too-large', 'debt_account.balance', cents],
      ['too-large-now', 'debt_account.current_balance', cents],
      ['fraction', 'debt_account.current_balance', cents],
      ['parent', 'child_debt_accounts[1].balance', 'is missing'],
    ] as const) {
      const { status, body } = await ask(externalId)
      const { request_id, ...problem } = body as { request_id: string }
      t.same(
        { status, problem },
        {
          status: 500,
          problem: {
            type: 'about:blank',
            title: 'The debt account has a required field that is missing or not valid',
            status: 500,
            code: 'account_not_sendable',
            field,
            detail: `${field} ${reason}`,
          },
        },
      )
      const line = await requestLine(request_id)
      t.same([line.outcome, line.field], ['account_not_sendable', field.replace('[1]', '[*]')])
    }
  },
)

t.test(
  'GET /jit with optional fields that Tratta would reject: they are omitted and counted',
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    await database.query(`${AGENCY_SCHEMA}
    insert into agency.locations values
      ('l', 'Clinic', 'somewhere_else', '{"k": "v", "long": "${'x'.repeat(256)}", "fits": "${'😀'.repeat(255)}"}', '{"uuid": "u"}'),
      ('nameless', ' ', null, null, null);
    insert into agency.customers values
      ('c', 'Ann', 'ann@nowhere', '555-0100', '1990-02-30', '42',
       '{"line1": "[1] Elm St", "city": 7, "state": null, "line2": "", "planet": "Earth", "is_primary": "yes"}',
       '{"bracket": "[", "json": "{\\"a\\": 1}", "number": 5.5, "yes": true, "nothing": null, "empty": "", "blank": " ", "list": [1], "": "key"}',
       '{"name": "Other", "language": "es", "nothing": null, "__proto__": "x"}'),
      ('only-bad-metadata', 'Bo', null, null, '1985-07-04T00:00:00', '0007', '{}', '{"list": [1]}', 'null'),
      ('as-text', 'Cy', '', '', 'infinity', '', '"{\\"line1\\": \\"2 Oak St\\"}"', '[]', '[1]');
    insert into agency.debt_accounts values
      ('a', null, 'c', 'l', '', '["one-time", "", null]', 1, 1, '[{"name": "X"}, {"type": "product_type"}]',
       '{"frequency": "daily", "recurring_day": "1st", "amount": 5}', '{}', '{"balance": 7, "status": "open"}'),
      ('b', null, 'only-bad-metadata', 'nameless', null, '"one-time"', 1, null, '[]', null, null, null),
      ('d', null, 'as-text', 'gone', null, '[]', 1, null, null, '{"frequency": "weekly", "recurring_day": "Monday", "amount": 5}', null, '{}')`)
    const { ask, adminUrl, line, lines } = await service(t, database.url, { DATABASE_SCHEMA: 'agency' })

    t.same(await ask('a'), {
      status: 200,
      body: {
        data: {
          location: {
            external_id: 'l',
            name: 'Clinic',
            metadata: { k: 'v', fits: '😀'.repeat(255) },
            uuid: 'u',
          },
          customer: {
            external_id: 'c',
            name: 'Ann',
            address: { line1: '[1] Elm St' },
            metadata: { bracket: '[', json: '{"a": 1}', number: '5.5', yes: '1' },
            language: 'es',
          },
          debt_account: {
            external_id: 'a',
            billing_type: ['one-time'],
            balance: 1,
            current_balance: 1,
            status: 'open',
          },
        },
      },
    })
    t.same(await ask('b'), {
      status: 200,
      body: {
        data: {
          customer: {
            external_id: 'only-bad-metadata',
            name: 'Bo',
            date_of_birth: '1985-07-04',
            ssn_last4: '0007',
          },
          debt_account: { external_id: 'b', billing_type: ['one-time'], balance: 1 },
        },
      },
    })
    t.same(await ask('d'), {
      status: 200,
      body: {
        data: {
          customer: { external_id: 'as-text', name: 'Cy', address: { line1: '2 Oak St' } },
          debt_account: {
            external_id: 'd',
            balance: 1,
            payment_plan: { frequency: 'weekly', recurring_day: 'monday', amount: 5 },
          },
        },
      },
    })
    const metrics = await (await fetch(`${adminUrl}/metrics`)).text()
    const counted = metrics.matchAll(/^tratta_jit_fields_omitted_total\{field="(.*)"\} (\d+)$/gm)
    t.same(Object.fromEntries([...counted].map(([, field, count]) => [field, Number(count)])), {
      'location.type': 1,
      'location.metadata.*': 1,
      location: 1,
      'customer.email': 1,
      'customer.phone': 1,
      'customer.date_of_birth': 2,
      'customer.ssn_last4': 1,
      'customer.address.city': 1,
      'customer.address.is_primary': 1,
      'customer.metadata.*': 3,
      'customer.metadata': 1,
      'customer.additional_fields.*': 2,
      'customer.additional_fields': 1,
      'debt_account.locations': 1,
      'debt_account.payment_plan': 1,
      'debt_account.additional_fields.*': 1,
    })
    const logged = () => lines().reduce((sum, line) => sum + Number(line.omitted_count ?? 0), 0)
    await line(() => logged() === 20)
  },
)

t.test(
  'GET /jit for an account that a view returns twice: 500 account_not_sendable',
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    await database.query(`${AGENCY_SCHEMA}
    insert into agency.debt_accounts (external_id, balance) values ('twice', 1), ('twice', 2)`)
    const { ask } = await service(t, database.url, { DATABASE_SCHEMA: 'agency' })
    const { status, body } = await ask('twice')
    t.match({ status, body }, { status: 500, body: { code: 'account_not_sendable' } })
  },
)
