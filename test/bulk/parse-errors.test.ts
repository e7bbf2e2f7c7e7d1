/** Personal values in Tratta's errors, in every shape: none is kept. Field names, messages and identifiers are. */
import t from 'tap'
import { parseErrorRow } from '../../src/bulk/parse-errors.ts'

const customer = {
  external_id: 'C-1',
  name: 'Wilhelmina Quixote',
  email: 'wilhelmina@example.com',
  phone: '(206) 555-0142',
  date_of_birth: '1951-03-07',
  ssn_last4: 7042,
  address: { line1: '14 Elm Street', city: 'Tukwila', postal_code: '98188' },
  metadata: { nickname: 'Billy', 'Wilhelmina Quixote': 'x y' },
}
const account = { external_id: 'A-1', external_account_number: 'NR 77421', balance: 123_456 }
const other = { external_id: 'A-2', balance: 1 }
const payload = {
  customer,
  location: { external_id: 'L-1', name: 'Clinic' },
  debt_accounts: [account, other],
}

const MESSAGES = [
  'The name Wilhelmina Quixote is invalid.',
  'wilhelmina quixote is not allowed',
  'Quixote must be a first name',
  'The value "wilhelmina@example.com" is not an email address.',
  '(206) 555-0142 is not a valid number.',
  'The date 1951-03-07 is too early.',
  '7042 must be 4 digits.',
  'Tukwila is not in WA.',
  '14 Elm Street has no unit',
  'Billy is too short.',
]
const VALUES = /wilhelmina|quixote|@|555|0142|1951|7042|tukwila|elm street|98188|billy|77421|123456/i

const reasonsOf = (errors: unknown, sent: unknown = payload) => {
  const { whole, byAccount } = parseErrorRow({ id: 1, payload: sent, errors })
  return [...whole, ...[...byAccount.values()].flatMap(({ reasons }) => reasons)]
}

const SHAPES: Record<string, (messages: string[]) => unknown> = {
  'messages by field': (messages) => ({ customer: { name: messages } }),
  'one message by field': ([message]) => ({ customer: { name: message } }),
  'a list of data and messages': (messages) => ({
    customer: [{ data: customer, messages: { name: messages } }],
  }),
  'data and messages without a list': (messages) => ({
    customer: { data: customer, messages: { name: messages } },
  }),
  'a list of messages': (messages) => ({ customer: messages }),
  'one message': ([message]) => ({ customer: message }),
  'dotted keys': (messages) => ({ 'customer.name': messages }),
  'indexed keys': (messages) => ({ 'debt_accounts.0.balance': messages }),
  'accounts by index': (messages) => ({ debt_accounts: { 0: { balance: messages } } }),
  'accounts as documented': (messages) => ({
    debt_accounts: [{ data: account, messages: { balance: messages } }],
  }),
  'a list of field and message': ([message]) => ({
    customer: [{ field: 'name', message, value: 'Wilhelmina Quixote' }],
  }),
  'a plain message for the row': ([message]) => message,
}

for (const [shape, errorsWith] of Object.entries(SHAPES))
  t.test(`no value is kept of ${shape}`, async (t) => {
    for (const message of MESSAGES) {
      const reasons = reasonsOf(errorsWith([message]))
      t.equal(reasons.length, 1, message)
      t.notMatch(reasons.join(), VALUES, message)
      t.match(reasons.join(), '…', 'the value is masked')
    }
    t.match(reasonsOf(errorsWith(['The field is required.'])).join(), /: The field is required\.$/)
  })

t.test('no value is kept without the payload', async (t) => {
  const errors = {
    customer: [{ data: customer, messages: { name: MESSAGES } }],
    debt_accounts: [{ data: account, messages: { external_account_number: ['NR 77421 is known.'] } }],
  }
  t.notMatch(reasonsOf(errors, undefined).join(), VALUES)
})

t.test('a key that is not a field name is not kept', async (t) => {
  t.same(reasonsOf({ customer: { metadata: { 'Wilhelmina Quixote': ['is too long'] } } }), [
    'customer.metadata.*: is too long',
  ])
})

t.test('a message of 10,000 characters is cut', async (t) => {
  t.ok(reasonsOf({ customer: { name: ['x'.repeat(10_000)] } })[0]!.length <= 320)
})

t.test('null, absent and empty errors', async (t) => {
  for (const errors of [null, undefined, {}, [], { customer: [], location: [], debt_accounts: [] }])
    t.same(reasonsOf(errors), ['row: Tratta gives no message'])
})

t.test('indexed keys name the account', async (t) => {
  const { byAccount, whole } = parseErrorRow({
    payload,
    errors: { 'debt_accounts.1.balance': ['is too low'] },
  })
  t.same([...byAccount.keys()], ['A-2'])
  t.same(whole, [])
})

t.test('"has already been taken" in other words', async (t) => {
  for (const message of [
    'The external id has already been taken.',
    'external_id already exists',
    'This external id is already in use.',
    'Must be unique.',
    'Duplicate entry',
    'The external id has already been used',
  ]) {
    const { byAccount } = parseErrorRow({
      payload,
      errors: { debt_accounts: [{ data: account, messages: { external_id: [message] } }] },
    })
    t.equal(byAccount.get('A-1')?.isTaken, true, message)
    t.equal(
      parseErrorRow({ payload, errors: { customer: { external_id: message } } }).isCustomerTaken,
      true,
      message,
    )
  }
  const { byAccount } = parseErrorRow({
    payload,
    errors: { debt_accounts: [{ data: account, messages: { external_id: ['is invalid'] } }] },
  })
  t.equal(byAccount.get('A-1')?.isTaken, false)
})
