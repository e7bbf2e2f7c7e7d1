/** SIGUSR1 makes Node open its inspector, through which any local user can read the secret. */
import { globSync, readFileSync } from 'node:fs'
import t from 'tap'
import { testDatabase } from '../support/database.ts'
import { service } from '../support/program.ts'

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }

t.test('every documented command line of the program has --disable-sigusr1', async (t) => {
  const files = [
    'Dockerfile',
    'docker-compose.yml',
    ...globSync(['*.md', 'docs/*.md', 'deploy/**/*.{yaml,md,conf,service}']),
  ]
  const lines = [
    ...['start', 'cli', 'demo'].map((name) => scripts[name] ?? ''),
    ...files.flatMap((file) => readFileSync(file, 'utf8').split('\n')),
  ]
  // As a shell line, or as a list of words in JSON or YAML.
  const commands = lines.filter(
    (line) =>
      /\bnode\b.*((src\/|make-demo).*\.ts|bin\/tratta-jit\.mjs)\b/.test(line) &&
      !/^\s*- \.\/|^RUN sed/.test(line),
  )
  t.ok(commands.length >= 5, `${commands.length} command lines`)
  for (const command of commands) t.match(command, /\bnode\b[", ]+--disable-sigusr1\b/, command.trim())
})

t.test('npm start continues to answer after SIGUSR1, without an inspector', async (t) => {
  const database = await testDatabase(t)
  // The shell runs the script as npm does, and ignores the words of the usual command line behind it.
  const running = await service(t, database.url, {}, [], ['sh', '-c', `exec ${scripts.start}`])
  running.process.kill('SIGUSR1')
  for (let call = 0; call < 20; call++) t.equal((await running.ask('nobody')).status, 404)
  running.process.kill('SIGINT')
  t.same(await running.ended, { code: 0, signal: null })
  t.notMatch(running.stderr(), /debugger|inspector/i)
})
