#!/usr/bin/env node
/** The program: its commands, its help, its exit codes. Nothing else ends the process. */
import { parseArgs } from 'node:util'
import { readConfig, SETTINGS, WrongSettings } from './config.ts'
import { AmbiguousAccount, accountStatement, findAccount } from './database/find-account.ts'
import { migrate, migrationStatus } from './database/migrate.ts'
import { createPool, limitsWithin } from './database/pool.ts'
import { UnsendableAccount } from './left-out.ts'
import { createLog, describeError } from './log.ts'
import { toPayload } from './payload.ts'
import { ANNOUNCE_STOP_MS } from './responder/responder.ts'
import { CannotStart, serve } from './serve.ts'

const DONE = 0
const FAILED = 1
const WRONG_USE = 2

/** Says what was wrong about the words of a command. */
class WrongUse extends Error {}

type Options = Record<string, { type: 'boolean' | 'string'; short?: string }>
type Given = Record<string, string | boolean | undefined>

interface Command {
  /** Words that must follow the name. */
  takes?: string[]
  does: string
  options?: Options
  run(given: Given, words: string[]): Promise<number>
}

const COMMANDS: Record<string, Command> = {
  serve: {
    does: 'answers Tratta; brings the database up to date first',
    options: { 'no-migrate': { type: 'boolean' } },
    async run(given) {
      const config = readConfig(process.env, 'DATABASE_URL', 'JIT_SECRET')
      const { log, flush } = createLog(config.LOG_LEVEL)
      try {
        const responder = await serve(config, log, { migrateFirst: !given['no-migrate'] })
        const signal = await stopSignal()
        log.info({ event: 'stopping', signal })
        // Somebody at a terminal has no balancer to wait for.
        await responder.stop(signal === 'SIGTERM' ? ANNOUNCE_STOP_MS : 0)
        log.info({ event: 'stopped' })
      } finally {
        flush()
      }
      return DONE
    },
  },
  migrate: {
    does: 'creates or upgrades what the service owns in the database; --status only tells',
    options: { status: { type: 'boolean' }, json: { type: 'boolean' } },
    async run(given) {
      const config = readConfig(process.env, 'DATABASE_URL')
      const pool = createPool(config, { connectionMs: 10_000, statementMs: 0 })
      try {
        if (!given.status) {
          const names = await migrate(pool)
          if (given.json) printJson({ migrated: names })
          else print(names.length > 0 ? `Migrated: ${names.join(', ')}` : 'Nothing to migrate')
          return DONE
        }
        for (const migration of await migrationStatus(pool))
          if (given.json) printJson(migration)
          else
            print(
              `${migration.name}  ${migration.executed_at ?? 'to be run'}${migration.unknown ? '  (by a newer version of the program)' : ''}`,
            )
        return DONE
      } finally {
        await pool.end()
      }
    },
  },
  lookup: {
    takes: ['ID'],
    does: 'prints the payload that Tratta would get for this account, and what was left out and why',
    options: { json: { type: 'boolean' } },
    async run(given, [externalId = '']) {
      const config = readConfig(process.env, 'DATABASE_URL')
      const limits = limitsWithin(config.JIT_DEADLINE_MS)
      const pool = createPool(config, limits)
      try {
        const statement = accountStatement(config.DATABASE_SCHEMA, false)
        const row = await findAccount(pool, statement, externalId, limits)
        if (!row) return fail('No such debt account', given)
        const { payload, leftOut } = toPayload(row)
        if (given.json)
          printJson({ payload, left_out: leftOut.map(({ field, reason }) => ({ field, reason })) })
        else {
          print(JSON.stringify(payload, null, 2))
          for (const { field, reason } of leftOut) process.stderr.write(`left out: ${field} ${reason}\n`)
        }
        return DONE
      } catch (error) {
        if (error instanceof UnsendableAccount)
          return fail(`Tratta would get an error: ${error.message}`, given)
        if (error instanceof AmbiguousAccount)
          return fail(
            'Tratta would get an error: the account, its customer or its location is there twice',
            given,
          )
        throw error
      } finally {
        await pool.end()
      }
    },
  },
  demo: {
    does: 'shows all of it on this machine with nothing installed: a real Postgres and one JIT call',
    async run() {
      const { demo } = await import('./demo.ts')
      await demo(stopSignal())
      return DONE
    },
  },
}

/** What a command could not do, said to a person or, with --json, to a program. */
function fail(message: string, given: Given) {
  if (given.json) printJson({ error: message })
  else process.stderr.write(`${message}\n`)
  return FAILED
}

const print = (line: string) => process.stdout.write(`${line}\n`)
const printJson = (value: unknown) => print(JSON.stringify(value))

/** The first signal asks for an end in order; the second is not waited for. */
function stopSignal() {
  return new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => {
        process.on(signal, () => process.exit(FAILED))
        resolve(signal)
      })
  })
}

function usage(name: string, { takes = [], options = {} }: Command) {
  return [name, ...takes, ...Object.keys(options).map((option) => `[--${option}]`)].join(' ')
}

function help() {
  const commands = Object.entries(COMMANDS).map(
    ([name, command]) => `  ${usage(name, command).padEnd(30)}${command.does}`,
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
    'Exit codes: 0 done; 1 failed; 2 wrong use or wrong settings; 3 done, but some rows were refused.',
  ].join('\n')
}

async function run(words: string[]): Promise<number> {
  const [name, ...rest] = words
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    print(help())
    return name === undefined ? WRONG_USE : DONE
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (!command) throw new WrongUse(`There is no command ${JSON.stringify(name)}`)
  const { values, positionals } = parseWords(rest, {
    ...command.options,
    help: { type: 'boolean', short: 'h' },
  })
  if (values.help) {
    print(`tratta-jit ${usage(name, command)}\n  ${command.does}`)
    return DONE
  }
  const takes = command.takes ?? []
  if (positionals.length !== takes.length)
    throw new WrongUse(`${name} takes ${takes.join(' ') || 'no words'}`)
  return command.run(values, positionals)
}

function parseWords(args: string[], options: Options) {
  try {
    return parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    throw new WrongUse((error as Error).message)
  }
}

function explain(error: unknown): [message: string, exitCode: number] {
  if (error instanceof WrongUse) return [`${error.message}. See tratta-jit help.`, WRONG_USE]
  if (error instanceof WrongSettings) return [error.message, WRONG_USE]
  if (error instanceof CannotStart) return [error.message, FAILED]
  const described = describeError(error instanceof Error && error.cause ? error.cause : error)
  return [
    [described.message ?? described.type, described.code, ...(described.stack ?? [])].join('\n'),
    FAILED,
  ]
}

run(process.argv.slice(2)).then(
  (exitCode) => process.exit(exitCode),
  (error) => {
    const [message, exitCode] = explain(error)
    process.stderr.write(`${message}\n`)
    process.exit(exitCode)
  },
)
