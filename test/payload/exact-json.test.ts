import t from 'tap'
import { isStorable, JsonSyntaxError, parseExactly, plainDigits } from '../../src/payload/exact-json.ts'

t.test('parseExactly keeps the text of a number that JSON.parse would change', async (t) => {
  for (const kept of [
    '[12345678901234567890]',
    '[9007199254740993]',
    '{"a":-1.50}',
    '[1,2.0]',
    '[1e3]',
    '[1E3]',
    '[-1e400]',
  ])
    t.equal(JSON.stringify(parseExactly(kept)), kept)
  for (const exact of ['[1,-2,0]', '[9007199254740991]', '{"a":"1.50"}', '[true,null,""]'])
    t.strictSame(parseExactly(exact), JSON.parse(exact), exact)
  t.strictSame((parseExactly('[1.5,7]') as unknown[])[1], 7, 'other numbers next to it are numbers')
})

t.test('parseExactly names the position of an error and no part of the text', async (t) => {
  for (const [text, at] of [
    ['{"name":"Ann",}', 14],
    ['[1.5 "Ann"]', 5],
    ['', undefined],
  ] as const)
    t.throws(() => parseExactly(text), new JsonSyntaxError(at), text)
  t.equal(new JsonSyntaxError(1).message, 'is not JSON')
  t.equal(new JsonSyntaxError(1).at, 1)
})

t.test('plainDigits', async (t) => {
  for (const [rawJSON, digits] of [
    ['1.10', '1.10'],
    ['-7', '-7'],
    ['1e3', '1000'],
    ['1E+3', '1000'],
    ['1.25e1', '12.5'],
    ['-2.5e1', '-25'],
    ['12e-1', '1.2'],
    ['12e-2', '0.12'],
    ['1.5e-3', '0.0015'],
    ['0.5e1', '5'],
    ['0.5e0', '0.5'],
    ['0.0e2', '0'],
    ['0e5', '0'],
    ['1e255', `1${'0'.repeat(255)}`],
    ['1e-255', `0.${'0'.repeat(254)}1`],
    ['1e256', undefined],
    ['1e-256', undefined],
  ] as const)
    t.equal(plainDigits({ rawJSON }), digits, rawJSON)
})

t.test('isStorable', async (t) => {
  const check = (text: string) => isStorable(text, parseExactly(text))
  for (const text of [
    '"a"',
    '["é", null, 1, true]',
    '"\\ud83d\\ude00"',
    '["\\ud83d\\ude00", 1.10, null]',
    '"\\\\u0000"',
    '{"a": "\\\\ud800"}',
  ])
    t.ok(check(text), text)
  for (const text of [
    '"\\u0000"',
    '"a\\u0000b"',
    '"\\ud800"',
    '"\\uDFFFx"',
    '{"a": ["b", "\\udc00"]}',
    '{"\\u0000": 1}',
    '{"a": "b", "c": {"\\uD83D": 1.10}}',
  ])
    t.notOk(check(text), text)
})
