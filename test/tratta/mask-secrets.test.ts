import t from 'tap'
import { createSecretMask } from '../../src/tratta/mask-secrets.ts'

const SECRET = 'Zk3_q9~Rt.7-LmXw2VbNc8Hd5JfGs1Pa'
const TOKEN = 'eyJ0/eXA3+asdk=='
const mask = createSecretMask([SECRET, TOKEN])
const percent = (text: string) => text.replace(/./g, (each) => `%${each.charCodeAt(0).toString(16)}`)
const unicode = (text: string) => text.replace(/./g, (each) => `\\u00${each.charCodeAt(0).toString(16)}`)

t.test('every form of a secret is masked, and the other text is unchanged', async (t) => {
  for (const form of [
    SECRET,
    SECRET.toLowerCase(),
    SECRET.toUpperCase(),
    SECRET.slice(0, 8),
    SECRET.slice(5, 20),
    SECRET.slice(-8),
    percent(SECRET),
    percent(SECRET).replaceAll('%', '%25'),
    unicode(SECRET),
    encodeURIComponent(TOKEN),
    TOKEN.replace('/', '\\/'),
    TOKEN.replace('/', '&#x2F;').replace('+', '&#43;'),
    unicode(TOKEN),
  ])
    t.equal(mask.text(`é url http://x/jit/${form}?a=1%20b`), 'é url http://x/jit/…?a=1%20b', form)
  t.equal(mask.text(SECRET.slice(0, 7)), SECRET.slice(0, 7), 'a shorter part is not masked')
  t.equal(mask.text(`${SECRET} and ${TOKEN}`), '… and …')
  t.equal(mask.text(`${SECRET}${TOKEN}.`), '…….', 'adjacent secrets')
  t.equal(createSecretMask(['abcd', 'abcdefgh']).text('abcdefgh.'), '….', 'the longest secret is masked')
  t.equal(createSecretMask(['abcd']).text('xABCDx'), 'x…x', 'a short secret is masked as a whole')
  t.equal(
    mask.text('The url has already been taken. İ 100% \\n &amp;'),
    'The url has already been taken. İ 100% \\n &amp;',
  )
  t.same(mask.value({ [SECRET]: [`a ${SECRET}`, 1, null, { b: true }] }), {
    '…': ['a …', 1, null, { b: true }],
  })
})
