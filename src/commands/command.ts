/** What a command is. The exit codes are part of what operators rely on. */
import { describeError, type ErrorDescription } from '../log.ts'

export const DONE = 0
export const FAILED = 1
export const USAGE_ERROR = 2
export const SOME_REJECTED = 3

export type Options = Record<string, string | boolean | undefined>

export interface Command {
  /** Words that must follow the name; one in brackets may, and the last may stand more than once with a … */
  positionals?: string[]
  description: string
  options?: Record<string, { type: 'boolean' | 'string'; short?: string }>
  /** @returns the exit code */
  run(options: Options, words: string[]): Promise<number>
}

/** Wrong arguments or options of a command. The message says what is wrong. */
export class UsageError extends Error {}

export const print = (line: string) => process.stdout.write(`${line}\n`)
export const printJson = (value: unknown) => print(JSON.stringify(value))

/** What a command could not do, said to a person or, with --json, to a program. */
export function fail(message: string, options: Options) {
  if (options.json) printJson({ error: message })
  else process.stderr.write(`${message}\n`)
  return FAILED
}

/** The first signal asks for an end in order; the second is not waited for. */
export function stopSignal() {
  return new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => {
        process.once(signal, () => process.exit(FAILED))
        resolve(signal)
      })
  })
}

export const lineOf = ({ type, code, message, stack = [] }: ErrorDescription) =>
  [message ?? type, code, ...stack].filter((part) => part !== undefined).join('\n')

export const NOT_UP_TO_DATE = 'The database is not up to date: run `tratta-jit migrate` first'

/** In one line, without a stop at its end. */
export const databaseFault = (error: unknown) =>
  `The database failed: ${lineOf(describeError(error)).replaceAll('\n', ' ')}`
