/** Values that the constraints of our tables accept and reject. A migration that replaces a constraint must keep them. */
import t from 'tap'
import { testDatabase } from '../support/database.ts'

const label = (length: number) => `a${'b'.repeat(length - 2)}c`
/** An address of this length, with labels of at most 63 characters. */
const email = (length: number) => `${'x'.repeat(length - 130)}@${label(61)}.${label(63)}.com`

const METADATA: [boolean, unknown][] = [
  [true, { a: 'b' }],
  [true, {}],
  [true, { é: ' 陳 ', 'two words': '\n.' }],
  [true, { ['k'.repeat(255)]: 'v'.repeat(255) }],
  [true, { ['é'.repeat(255)]: '陳'.repeat(255) }],
  [false, { ['k'.repeat(256)]: 'v' }],
  [false, { k: 'v'.repeat(256) }],
  [false, { a: 'b', k: '陳'.repeat(256) }],
  [false, { '': 'v' }],
  [false, { a: '' }],
  [false, { a: ' \n\t' }],
  [false, { a: 1 }],
  [false, { a: null }],
  [false, { a: true }],
  [false, { a: ['b'] }],
  [false, { a: { b: 'c' } }],
  [false, { a: 'b', c: 1, d: 'x'.repeat(300) }],
  [false, ['a']],
  [false, 'a'],
]

const ADDRESS: [boolean, unknown][] = [
  [true, {}],
  [
    true,
    {
      name: 'a',
      line1: 'b',
      line2: null,
      city: '',
      postal_code: '1',
      state: 'W',
      country: 'U',
      is_primary: true,
    },
  ],
  [true, { is_primary: null, anything: 1 }],
  [false, { name: 1 }],
  [false, { line1: [] }],
  [false, { line2: {} }],
  [false, { city: true }],
  [false, { postal_code: 98104 }],
  [false, { state: 1 }],
  [false, { country: 1 }],
  [false, { is_primary: 'true' }],
  [false, ['a']],
  [false, 'a'],
]

const EMAIL: [boolean, string][] = [
  [true, 'ann@example.com'],
  [true, "a.b'c+d@x-y.example.co"],
  [true, `a@${label(63)}.${label(63)}.com`],
  [true, `${'a'.repeat(100)}@b.${label(63)}`],
  [true, email(254)],
  [false, email(255)],
  [false, `a@${label(64)}.com`],
  [false, `a@b.${label(64)}`],
  [false, `a@bb.${label(64)}`],
  [false, `${'a'.repeat(250)}@b.com`],
  [false, 'ann'],
  [false, 'ann@'],
  [false, 'ann@example'],
  [false, 'ann@-a.com'],
  [false, 'ann@a-.com'],
  [false, 'ann@a..com'],
  [false, 'ann@a.c'],
  [false, '.ann@a.com'],
  [false, 'ann b@a.com'],
]

for (const [column, cases] of Object.entries({ metadata: METADATA, address: ADDRESS, email: EMAIL }))
  t.test(`customers.${column}`, async (t) => {
    const { query } = await testDatabase(t)
    for (const [isAccepted, value] of cases) {
      const text = column === 'email' ? String(value) : JSON.stringify(value)
      const accepted = query(
        `insert into tratta_jit.customers (external_id, name, ${column}) values (gen_random_uuid()::text, 'A', $text$${text}$text$)`,
      ).then(
        () => true,
        (error) => {
          if (error.code !== '23514') throw error
          return false
        },
      )
      t.equal(await accepted, isAccepted, text.slice(0, 80))
    }
  })
