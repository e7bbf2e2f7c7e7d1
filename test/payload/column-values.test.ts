/** What each kind of column becomes. Blank and empty values become undefined; wrong types stay, and the contract rejects them. */
import t from 'tap'
import {
  address,
  cents,
  date,
  emptyToUndefined,
  json,
  list,
  locations,
  metadata,
  paymentPlan,
  put,
  ssnLast4,
  text,
} from '../../src/payload/column-values.ts'
import { parseExactly } from '../../src/payload/exact-json.ts'

const converts = <Value>(
  name: string,
  convert: (value: Value) => unknown,
  cases: readonly (readonly [Value, unknown])[],
) =>
  t.test(name, async (t) => {
    for (const [value, expected] of cases)
      t.strictSame(convert(value), expected, JSON.stringify(value)?.slice(0, 60))
  })

converts('text', text, [
  [null, undefined],
  ['', undefined],
  [' \n', undefined],
  [' a ', ' a '],
])

converts('cents', cents, [
  [null, undefined],
  [' ', undefined],
  ['150', 150],
  ['-150', -150],
  ['150.00', 150],
  ['150.0', 150],
  ['-0.00', 0],
  ['9007199254740991', 9007199254740991],
  ['9007199254740992', '9007199254740992'],
  ['150.5', '150.5'],
  ['1.005', '1.005'],
  ['150.', '150.'],
  ['1e3', '1e3'],
  ['x1', 'x1'],
  ['1x', '1x'],
  ['$1', '$1'],
])
t.ok(Object.is(cents('-0'), 0), 'minus zero is zero')

converts('date', date, [
  [null, undefined],
  ['', undefined],
  ['1990-01-31', '1990-01-31'],
  ['1990-01-31T00:00:00', '1990-01-31'],
  ['1990-01-31 00:00:00', '1990-01-31'],
  ['1990-01-31T00:00:00.000', '1990-01-31'],
  ['1990-01-31T00:00:00+00', '1990-01-31'],
  ['1990-01-31T00:00:00-05:30', '1990-01-31'],
  ['1990-01-31T00:00:00Z', '1990-01-31'],
  ['1990-01-31T00:00:01', '1990-01-31T00:00:01'],
  ['1990-01-31T00:00:00.5', '1990-01-31T00:00:00.5'],
  ['1990-01-31T00:00:00 x', '1990-01-31T00:00:00 x'],
  [19900131, 19900131],
  [[], undefined],
])

converts('ssnLast4', ssnLast4, [
  [null, undefined],
  ['', undefined],
  ['1000', 1000],
  ['9098', 9098],
  ['0042', '0042'],
  ['42', '42'],
  ['12345', '12345'],
  ['x1234', 'x1234'],
])

converts('json', json, [
  [null, undefined],
  ['', undefined],
  ['{}', undefined],
  ['[]', undefined],
  [{}, undefined],
  ['{"a": 1}', { a: 1 }],
  [' [1]', [1]],
  ['{"a": ', '{"a": '],
  ['text {', 'text {'],
  [{ a: 1 }, { a: 1 }],
  [5, 5],
  [parseExactly('[1.50]') as unknown, parseExactly('[1.50]')],
  [(parseExactly('[1.50]') as unknown[])[0], 1.5],
])

converts('emptyToUndefined', emptyToUndefined, [
  [null, undefined],
  [undefined, undefined],
  ['', undefined],
  [' ', undefined],
  ['a', 'a'],
  [{}, undefined],
  [[], undefined],
  [[null], [null]],
  [0, 0],
  [false, false],
])

converts('list', list, [
  [null, undefined],
  ['', undefined],
  ['[]', undefined],
  ['one-time', ['one-time']],
  [
    ['a', '', null, ' ', 'b'],
    ['a', 'b'],
  ],
  [['', null], undefined],
  ['["a"]', ['a']],
  [{ a: 1 }, { a: 1 }],
])

converts('locations', locations, [
  [null, undefined],
  [
    [{ name: 'X', type: '', external_id: null, iban: 'DE00' }, 1],
    [{ name: 'X' }, 1],
  ],
  [JSON.parse('[{"name": "X", "__proto__": {"type": "product_type"}}]'), [{ name: 'X' }]],
  [{ name: 'X' }, { name: 'X' }],
  ['X', ['X']],
])

converts('address', address, [
  [null, undefined],
  ['{"city": "Tacoma", "planet": "Earth"}', { city: 'Tacoma' }],
  [{ planet: 'Earth' }, undefined],
  [
    { line1: '', line2: null, is_primary: false, city: 7 },
    { is_primary: false, city: 7 },
  ],
  [JSON.parse('{"__proto__": {"city": "Tacoma"}}'), undefined],
  ['1 Elm St', '1 Elm St'],
  [['1 Elm St'], ['1 Elm St']],
])

converts('paymentPlan', paymentPlan, [
  [null, undefined],
  [
    { frequency: 'weekly', recurring_day: 'FRIDAY', amount: 5, note: 'x' },
    { frequency: 'weekly', recurring_day: 'friday', amount: 5 },
  ],
  [parseExactly('{"amount": 150.00}'), { amount: 150 }],
  [parseExactly('{"amount": 1.5e4}'), { amount: 15_000 }],
  [parseExactly('{"amount": 150.5}'), { amount: '150.5' }],
  [parseExactly('{"amount": 1e300}'), parseExactly('{"amount": 1e300}')],
  [{ recurring_day: 1 }, { recurring_day: 1 }],
  [{ note: 'x' }, undefined],
  ['weekly', 'weekly'],
])

converts('metadata', metadata, [
  [null, undefined],
  [{}, undefined],
  [
    {
      yes: true,
      no: false,
      number: 5,
      zero: 0,
      blank: ' ',
      nothing: null,
      object: {},
      list: [1],
      text: ' x ',
    },
    { yes: '1', no: '0', number: '5', zero: '0', list: [1], text: ' x ' },
  ],
  [parseExactly('{"a": 1.10, "b": 1e2}'), { a: '1.10', b: '100' }],
  [parseExactly('{"a": 1e300}'), parseExactly('{"a": 1e300}')],
  [{ blank: '' }, undefined],
  [JSON.parse('{"__proto__": {"a": "b"}}'), undefined],
  [JSON.parse('{"__proto__": {"a": "b"}, "c": "d"}'), { c: 'd' }],
  ['text', 'text'],
  [[1], [1]],
])
t.equal(
  Object.getPrototypeOf(metadata(JSON.parse('{"__proto__": {"a": "b"}, "c": "d"}'))),
  Object.prototype,
  'a __proto__ key does not change the prototype',
)

t.test('put', async (t) => {
  const target = {}
  put(target, 'a', 1)
  put(target, 'b', undefined)
  put(target, '__proto__', { c: 1 })
  t.strictSame(Object.entries(target), [['a', 1]])
  t.equal(Object.getPrototypeOf(target), Object.prototype)
})
