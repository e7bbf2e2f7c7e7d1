/** A Tratta that repeats the URL and the token in its errors: nothing printed, logged or stored has them. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { testDatabase } from '../support/database.ts'
import { program, run, SECRET } from '../support/program.ts'
import { trattaSettings } from './settings.ts'

t.jobs = 3

const TOKEN = 'simulated-token-of-40-characters-abcdefg'
const percent = (text: string) => text.replace(/./g, (each) => `%${each.charCodeAt(0).toString(16)}`)
const escaped = (text: string) =>
  text.replace(/./g, (each) => `\\u00${each.charCodeAt(0).toString(16).padStart(2, '0')}`)
/** Forms of a text that a JSON document can hold. */
const forms = (text: string) => [
  text,
  escaped(text),
  percent(text),
  text.toUpperCase(),
  text.slice(0, 12),
  text.slice(-12),
]
const CONTROL = '\\u001b[31m \\u009b2J \\u007f \\u202e'

/** @param body the JSON text of every answer */
async function startEcho(t: Test, status: number, body: string) {
  const server = createServer((request, response) => {
    request.resume()
    response.writeHead(status, { 'content-type': 'application/json' }).end(body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1`
}

/** The secret and the token in no form, also not a part of 12 characters, and no control characters. */
function expectClean(t: Test, output: string) {
  const plain = decodeURIComponent(output.replaceAll(/%(?![\da-f]{2})/gi, '%25')).toLowerCase()
  for (const secret of [SECRET, TOKEN])
    for (const part of [secret.slice(0, 12), secret.slice(-12)])
      for (const text of [output.toLowerCase(), plain]) t.notOk(text.includes(part), part)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these characters must not be printed
  t.notMatch(output, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
}

for (const [name, status, body] of [
  ['a message', 422, (form: string) => `{"message": "${CONTROL} taken: ${form}"}`],
  [
    'errors by field',
    422,
    (form: string) => `{"message": "invalid", "errors": {"url": ["${CONTROL} ${form}"]}}`,
  ],
  ['a field name', 422, (form: string) => `{"errors": {"${CONTROL} ${form}": ["is invalid"]}}`],
  ['an error of a server', 500, (form: string) => `{"error": "${CONTROL} ${form}", "errorCode": "${form}"}`],
  ['a success with an error', 200, (form: string) => `{"success": false, "error": "${CONTROL} ${form}"}`],
] as const)
  t.test(`${name} with secrets: register, trigger and serve`, { buffered: true }, async (t) => {
    const database = await testDatabase(t)
    const text = [...forms(SECRET), ...forms(TOKEN)].join(' | ')
    const env = {
      ...trattaSettings(database.url, await startEcho(t, status, body(text))),
      TRATTA_API_TOKEN: TOKEN,
    }
    for (const args of [
      ['trigger', '1'],
      ['trigger', '1', '--json'],
    ]) {
      const { stdout, stderr } = await run(t, args, env)
      expectClean(t, args.includes('--json') ? '' : stdout + stderr)
      for (const part of [SECRET.slice(0, 12), TOKEN.slice(0, 12)]) t.notOk((stdout + stderr).includes(part))
    }
    const serving = program(t, ['serve'], { ...env, HOST: '127.0.0.1', PORT: '0', ADMIN_PORT: '0' })
    await serving.line(({ event }) => String(event).startsWith('registration_') || event === 'registered')
    if (status === 422) {
      const registered = await run(t, ['register'], env)
      expectClean(t, registered.stdout + registered.stderr)
      t.equal(registered.code, 1)
    }
    serving.process.kill('SIGINT')
    await serving.ended
    expectClean(t, serving.stdout() + serving.stderr())
    expectClean(t, JSON.stringify(await database.query('select * from tratta_jit.registrations')))
  })
