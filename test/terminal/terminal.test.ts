/** Output on a terminal: colors, marks, width and progress; and the same output on a pipe. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import { testDatabase } from '../support/database.ts'
import { run, SECRET, service } from '../support/program.ts'
import { hasPseudoTerminal, programOnTerminal } from '../support/pseudo-terminal.ts'

const skip = hasPseudoTerminal ? false : 'needs `script` of util-linux'
const ESC = '\u001b'

t.test('check without settings', async (t) => {
  const states = (text: string) =>
    text.split('\n').flatMap((line) => /^(error|warning|ok|skipped) /.exec(line)?.[1] ?? [])

  await t.test('on a pipe: words and ASCII, errors first, one line for each message', async (t) => {
    const { code, stdout, stderr } = await run(t, ['check'])
    t.same([code, stderr], [1, ''])
    t.match(
      stdout,
      /^error {4}settings {6}DATABASE_URL is not set: .*\n {23}-> set DATABASE_URL, see \.env\.example\nerror {4}settings {6}JIT_SECRET is not set/,
    )
    t.notMatch(stdout, /[^\n\x20-\x7e]/, 'no escape sequence, and no character outside of ASCII')
    const found = states(stdout)
    t.same([...new Set(found)], ['error', 'warning', 'skipped'])
    t.match(found.join(), /^(error,)+(warning,)+(skipped,?)+$/, 'errors first, then warnings')
    t.match(stdout, /\n2 errors, 3 warnings, 0 ok, \d+ skipped\n$/)
  })

  await t.test('on a terminal of 50 columns: colors and marks, wrapped', { skip }, async (t) => {
    const { ended, output } = programOnTerminal(t, ['check'], {}, 50)
    t.equal(await ended, 1)
    t.ok(
      output().startsWith(`${ESC}[31m✗ ${ESC}[39msettings      DATABASE_URL is not set: URL of\n`),
      output(),
    )
    const plain = stripVTControlCharacters(output())
    t.match(
      plain,
      '\n                → set DATABASE_URL, see\n                .env.example\n✗ settings      JIT_SECRET',
    )
    const marks = plain
      .split('\n')
      .map((line) => line[0] ?? '')
      .filter((mark) => '✗!✓-'.includes(mark) && mark)
    t.match(marks.join(''), /^✗✗!!!-+$/)
    t.same(
      plain
        .split('\n')
        .filter((line) => line.length > 50 && line.trim().includes(' ') && !/\S{34}/.test(line)),
      [],
      'no line that could be shorter is longer than the terminal',
    )
  })

  await t.test('NO_COLOR on a terminal: no colors', { skip }, async (t) => {
    const { ended, output } = programOnTerminal(t, ['check'], { NO_COLOR: '1' }, 50)
    t.equal(await ended, 1)
    t.ok(output().startsWith('✗ settings      DATABASE_URL is not set: URL of\n'), output())
    t.notMatch(output(), ESC)
  })

  await t.test('FORCE_COLOR on a pipe: colors, no wrapping', async (t) => {
    const { stdout } = await run(t, ['check'], { FORCE_COLOR: '1' })
    t.ok(
      stdout.startsWith(
        `${ESC}[31merror    ${ESC}[39msettings      DATABASE_URL is not set: URL of the database,`,
      ),
      stdout,
    )
  })

  await t.test('--json on a terminal: JSON lines, no colors', { skip }, async (t) => {
    const { ended, output } = programOnTerminal(t, ['check', '--json'])
    t.equal(await ended, 1)
    const lines = output()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    t.match(lines.at(0), { event: 'result', check: 'settings', state: 'error' })
    t.match(lines.at(-1), { event: 'summary', error: 2, warning: 3, ok: 0 })
  })
})

t.test(
  'check shows after two seconds which check is running; Ctrl-C prints the results so far',
  { skip },
  async (t) => {
    const silent = createServer(() => {})
    await once(silent.listen(0, '127.0.0.1'), 'listening')
    t.teardown(() => silent.close())
    const { port } = silent.address() as AddressInfo
    const checking = programOnTerminal(t, ['check'], { DATABASE_URL: `postgres://u:p@127.0.0.1:${port}/d` })
    await checking.shows(/2Kdatabase: 2 s/)
    checking.process.stdin!.write('\u0003')
    t.equal(await checking.ended, 1)
    t.match(
      stripVTControlCharacters(checking.output()),
      /✗ settings {6}JIT_SECRET is not set(.|\n)*\n1 errors, 3 warnings, 0 ok, 0 skipped\n$/,
    )
  },
)

t.test('serve', async (t) => {
  const database = await testDatabase(t)

  await t.test('on a terminal: readable lines', { skip }, async (t) => {
    const serving = programOnTerminal(t, ['serve'], {
      DATABASE_URL: database.url,
      JIT_SECRET: SECRET,
      HOST: '127.0.0.1',
      PORT: '0',
      ADMIN_PORT: '0',
    })
    const text = await serving.shows(/serving.*\n/)
    const styled = `${ESC}[32minfo ${ESC}[39m${ESC}[1m serving${ESC}[22m port=`
    t.ok(text.includes(styled), text)
    t.match(
      stripVTControlCharacters(text),
      /^\d\d:\d\d:\d\d info {2}serving port=\d+ admin_port=\d+ ms=\d+$/m,
    )
    const [, port] = /serving\S* port=(\d+)/.exec(text)!
    await fetch(`http://127.0.0.1:${port}/jit/${SECRET}?debt_account_external_id=none`)
    const log = stripVTControlCharacters(await serving.shows(/account_not_found.*\n/))
    t.match(log, /info {2}route=\/jit\/:secret status=404 outcome=account_not_found/)
    serving.process.stdin!.write('\u0003')
    t.equal(await serving.ended, 0)
    t.notMatch(serving.output(), SECRET)
  })

  await t.test('on a pipe: JSON lines, also with FORCE_COLOR', async (t) => {
    const { stdout } = await service(t, database.url, { FORCE_COLOR: '1' })
    for (const line of stdout().trim().split('\n')) t.match(JSON.parse(line), { level: String, time: String })
  })
})
