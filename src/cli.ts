#!/usr/bin/env node
/** The program: its commands, its help, its exit codes. Nothing else ends the process. */
import { parseArgs } from 'node:util'
import { bulkErrorsCommand, bulkPushCommand, bulkStatusCommand } from './commands/bulk.ts'
import { checkCommand } from './commands/check.ts'
import { type Command, DONE, databaseMessage, FAILED, USAGE_ERROR, UsageError } from './commands/command.ts'
import { demoCommand } from './commands/demo.ts'
import { importCommand } from './commands/import.ts'
import { lookupCommand } from './commands/lookup.ts'
import { migrateCommand } from './commands/migrate.ts'
import { registerCommand } from './commands/register.ts'
import { serveCommand } from './commands/serve.ts'
import { simulateCommand } from './commands/simulate.ts'
import { triggerCommand } from './commands/trigger.ts'
import { ConfigError, SETTINGS } from './config.ts'
import { describeError } from './log.ts'
import { StartupError } from './startup-error.ts'
import { exit, print, printError } from './terminal/output.ts'

const COMMANDS: Record<string, Command> = {
  serve: serveCommand,
  migrate: migrateCommand,
  lookup: lookupCommand,
  register: registerCommand,
  trigger: triggerCommand,
  'bulk push': bulkPushCommand,
  'bulk errors': bulkErrorsCommand,
  'bulk status': bulkStatusCommand,
  import: importCommand,
  check: checkCommand,
  simulate: simulateCommand,
  demo: demoCommand,
}

function usage(name: string, { positionals = [], options = {} }: Command) {
  const optionUsage = Object.entries(options).map(([option, { type }]) =>
    type === 'string' ? `[--${option} ${option.toUpperCase()}]` : `[--${option}]`,
  )
  return [name, ...positionals, ...optionUsage].join(' ')
}

function help() {
  const commands = Object.entries(COMMANDS).map(
    ([name, command]) => `  ${usage(name, command)}\n      ${command.description}`,
  )
  const settings = Object.entries(SETTINGS).map(([name, setting]) => {
    const fallback = 'default' in setting && setting.default ? ` (${setting.default})` : ''
    return `  ${name.padEnd(30)}${setting.meaning}${fallback}`
  })
  return [
    'tratta-jit COMMAND: answers what Tratta asks, just in time, about a debt account',
    '',
    ...commands,
    '',
    'Settings, from the environment. A secret may be in a file: NAME_FILE names it.',
    ...settings,
    '',
    'Exit codes: 0 done; 1 failed; 2 wrong use or wrong settings; 3 done, but some rows were rejected, or warned of; 141 the reader of the output ended',
  ].join('\n')
}

const ASKS_FOR_HELP = ['help', '--help', '-h']

/** A name is one word, or two. */
function find(words: string[]) {
  for (const count of [2, 1]) {
    const name = words.slice(0, count).join(' ')
    if (Object.hasOwn(COMMANDS, name)) return { name, command: COMMANDS[name]!, rest: words.slice(count) }
  }
  const group = Object.keys(COMMANDS).filter((name) => name.startsWith(`${words[0]} `))
  if (group.length > 0) throw new UsageError(`${words[0]} is one of: ${group.join(', ')}`)
  throw new UsageError(`There is no command ${JSON.stringify(words[0])}`)
}

async function run(words: string[]): Promise<number> {
  const [first] = words
  if (first === undefined || ASKS_FOR_HELP.includes(first)) {
    print(help())
    return first === undefined ? USAGE_ERROR : DONE
  }
  const { name, command, rest } = find(words)
  const { values, positionals } = parseWords(rest, command)
  if (values.help) {
    print(`tratta-jit ${usage(name, command)}\n  ${command.description}`)
    return DONE
  }
  const expected = command.positionals ?? []
  const needed = expected.filter((word) => !word.startsWith('['))
  const most = expected.at(-1)?.endsWith('…') ? Number.POSITIVE_INFINITY : expected.length
  if (positionals.length < needed.length || positionals.length > most)
    throw new UsageError(`${name} takes ${expected.join(' ') || 'no words'}`)
  return command.run(values, positionals)
}

function parseWords(args: string[], { options = {} }: Command) {
  try {
    return parseArgs({
      args,
      options: { ...options, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function explain(error: unknown): [message: string, exitCode: number] {
  if (error instanceof UsageError) return [`${error.message}. See tratta-jit help.`, USAGE_ERROR]
  if (error instanceof ConfigError) return [error.message, USAGE_ERROR]
  if (error instanceof StartupError) return [error.message, FAILED]
  const message = databaseMessage(error)
  if (message) return [message, FAILED]
  const { type, code, stack = [] } = describeError(error)
  return [`Unexpected error: ${[code ?? type, stack[0]].filter(Boolean).join(' ')}`, FAILED]
}

run(process.argv.slice(2)).then(exit, (error) => {
  const [message, exitCode] = explain(error)
  printError(message)
  return exit(exitCode)
})
