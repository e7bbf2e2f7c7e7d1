#!/usr/bin/env node
/** The program: runs one command and ends the process with its exit code. */
import { CommanderError } from 'commander'
import { DONE, FAILED, USAGE_ERROR } from './commands/command.ts'
import { createProgram } from './commands/create-program.ts'
import { userFacing } from './database/connection-errors.ts'
import { describeError } from './log.ts'
import { exit, printError } from './terminal/output.ts'

async function run(args: string[]): Promise<number> {
  let exitCode = DONE
  const program = createProgram((code) => {
    exitCode = code
  })
  const [first, ...rest] = args
  if (first === undefined) {
    program.outputHelp()
    return USAGE_ERROR
  }
  // commander's `help` command accepts one word only, so it does not support `help bulk push`.
  await program.parseAsync(first === 'help' ? [...rest, '--help'] : args, { from: 'user' })
  return exitCode
}

function describe(error: unknown): [message: string, exitCode: number] {
  const known = userFacing(error)
  if (known) return [known.message, known.exitCode]
  const { type, code, stack = [] } = describeError(error)
  return [`Unexpected error: ${[code ?? type, stack[0]].filter(Boolean).join(' ')}`, FAILED]
}

run(process.argv.slice(2)).then(exit, (error) => {
  // commander has already printed its message or the help text.
  if (error instanceof CommanderError) return exit(error.exitCode === 0 ? DONE : USAGE_ERROR)
  const [message, exitCode] = describe(error)
  printError(message)
  return exit(exitCode)
})
