/** Runs after all others: nothing that any of them made the program print may hold what must not leave it. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { SECRET } from './support/program.ts'

const FOLDER = process.env.TEST_LOGS!

/** No command may print these. */
const SECRETS = [SECRET, 'another-secret-for-the-rotation', 'wrong-password', 'secret-password']

/** The simulator prints its token for the settings of the program. */
const TOKEN = 'simulated-token'
const PRINTS_TOKEN = /^(simulate|demo|help)-/

/** Database URLs, and account values of the sample and the tests that are long enough not to occur by chance. */
const ACCOUNT_VALUES = [
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

/** Commands that show accounts, or the form of a database URL, on request. */
const SHOWS_ACCOUNTS = /^(lookup|demo|help|trigger|simulate|bulk|check)-/

/** What the file of a command must not hold. */
const forbidden = (file: string) => [
  ...SECRETS,
  ...(PRINTS_TOKEN.test(file) ? [] : [TOKEN]),
  ...(SHOWS_ACCOUNTS.test(file) ? [] : ACCOUNT_VALUES),
]

t.test('what the program printed during all other tests', async (t) => {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.log'))
  t.ok(files.some((file) => file.startsWith('serve-')))
  let lines = 0
  for (const file of files) {
    // A random id may contain any four digits.
    const text = readFileSync(join(FOLDER, file), 'utf8').replaceAll(/"(request_id|account)":"[^"]*"/g, '')
    lines += text.split('\n').length
    for (const value of forbidden(file)) if (text.includes(value)) t.fail(`${file} holds ${value}`)
  }
  t.ok(lines > 1000, `${lines} lines`)
})
