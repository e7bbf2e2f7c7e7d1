/** The types and exit codes of commands. Operators rely on the exit codes. */
import { userFacing } from '../database/connection-errors.ts'
import { printError, printJson, stopOnOutputFailure } from '../terminal/output.ts'

export const DONE = 0
export const FAILED = 1
export const USAGE_ERROR = 2
export const SOME_REJECTED = 3

/** By the name of the option, such as `dry-run` and `no-migrate`. */
export type Options = Record<string, string | boolean | string[] | undefined>

/** @returns the exit code */
export type Run = (options: Options, positionals: string[]) => Promise<number>

/** Prints the error of a command to standard error, or with --json to standard output. @returns the exit code */
export function fail(message: string, options: Options) {
  if (options.json) void printJson({ error: message })
  else printError(message)
  return FAILED
}

/** Prints an expected error. @returns the exit code @throws a usage error and an unexpected error */
export function failWith(error: unknown, options: Options) {
  const known = userFacing(error)
  if (!known || known.exitCode === USAGE_ERROR) throw error
  return fail(known.message, options)
}

/** Resolves at the first signal or when standard output fails. A second signal ends the process at once. */
export function stopSignal(signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  return new Promise<NodeJS.Signals>((resolve) => {
    stopOnOutputFailure(() => resolve('SIGPIPE'))
    for (const signal of signals)
      process.once(signal, () => {
        process.once(signal, () => process.exit(FAILED))
        resolve(signal)
      })
  })
}

export const NOT_UP_TO_DATE = 'The database is not up to date: run `tratta-jit migrate` first'
