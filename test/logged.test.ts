/** Runs after all other tests, and searches what they made the program print for secrets and account values. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { SECRET } from './support/program.ts'

const FOLDER = process.env.TEST_LOGS!
/** Fewer logs mean that they were not kept, and that the search is worthless. `npm run test:slow` has few tests. */
const MIN_SERVE_LOGS = process.env.TEST_SLOW ? 8 : 60

/** No command may print these. */
const SECRETS = [
  SECRET,
  'another-secret-for-the-rotation',
  'the-new-secret-of-a-rotation',
  'only-for-tests',
  'wrong-password',
  'secret-password',
  'wrong-token',
]

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
const SHOWS_ACCOUNTS = /^(lookup|demo|help|trigger|simulate|bulk|check|calls)-/

/** The texts that the log of a command must not contain. */
const forbidden = (file: string) => [
  ...SECRETS,
  ...(PRINTS_TOKEN.test(file) ? [] : [TOKEN]),
  ...(SHOWS_ACCOUNTS.test(file) ? [] : ACCOUNT_VALUES),
]

t.test('the output of the program in all other tests contains no secret and no account value', async (t) => {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.log'))
  const served = files.filter((file) => file.startsWith('serve-'))
  t.ok(served.length >= MIN_SERVE_LOGS, `${served.length} logs of serve`)
  let lines = 0
  for (const file of files) {
    // A random id may contain any four digits.
    const text = readFileSync(join(FOLDER, file), 'utf8').replaceAll(/"(request_id|account)":"[^"]*"/g, '')
    lines += text.split('\n').length
    for (const value of forbidden(file)) if (text.includes(value)) t.fail(`${file} contains ${value}`)
  }
  t.ok(lines > 1000, `${lines} lines`)
})
