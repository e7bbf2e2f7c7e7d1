/** Runs after all others: nothing that any of them made the program print may hold what must not leave it. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { SECRET } from './program.ts'

const FOLDER = process.env.TEST_LOGS!

/** Values of the sample and of the tests that are long enough not to turn up by chance. */
const MUST_NOT_LEAVE = [
  SECRET,
  'another-secret-for-the-rotation',
  'wrong-password',
  'secret-password',
  'simulated-token',
  'postgresql://',
  'postgres://postgres',
  'Tremaine',
  'Abbott',
  'Purdy',
  'tatum.marks',
  '489-899-2182',
  '1990-01-01',
  '9098',
  'Streich',
  'Núñez',
  'mj.nunez',
  '555-0142',
  '1984-02-29',
  '"0042"',
  'Alder St',
  '陳大文',
  '503 555 0187',
  '184250',
  '121900',
  '129900',
  '86650',
  '9007199254740993',
  'ann@nowhere',
  'A-500100',
  'A-500200',
  'debt-account-123',
  'parent-external-id',
  '70b440dc-5283-3bd5-bb93-8dc599f2288f',
]

/** Commands that show accounts, or the simulated token, to whoever asked for them. */
const SHOWS_ON_PURPOSE = /^(lookup|demo|help|trigger|simulate|bulk|check)-/

t.test('what the program printed during all other tests', async (t) => {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.log') && !SHOWS_ON_PURPOSE.test(file))
  t.ok(files.filter((file) => file.startsWith('serve-')).length > 20)
  let lines = 0
  for (const file of files) {
    const text = readFileSync(join(FOLDER, file), 'utf8')
    lines += text.split('\n').length
    for (const value of MUST_NOT_LEAVE) if (text.includes(value)) t.fail(`${file} holds ${value}`)
  }
  t.ok(lines > 1000, `${lines} lines`)
})
