/** What a command is. The exit codes are part of what operators rely on. */
import { userFacing } from '../database/connection-errors.ts'
import { printError, printJson, stopOnOutputFailure } from '../terminal/output.ts'

export const DONE = 0
export const FAILED = 1
export const USAGE_ERROR = 2
export const SOME_REJECTED = 3

/** By the name of the flag, `dry-run` and `no-migrate`. */
export type Options = Record<string, string | boolean | undefined>

/** @returns the exit code */
export type Run = (options: Options, positionals: string[]) => Promise<number>

/** Reports why a command failed: on standard error, or with --json on standard output. @returns the exit code */
export function fail(message: string, options: Options) {
  if (options.json) printJson({ error: message })
  else printError(message)
  return FAILED
}

/** Reports an expected error. @returns the exit code @throws a usage error, and an unexpected error */
export function failWith(error: unknown, options: Options) {
  const known = userFacing(error)
  if (!known || known.exitCode === USAGE_ERROR) throw error
  return fail(known.message, options)
}

/** The first signal, or a closed standard output, asks for an orderly stop; the second signal ends the process. */
export function stopSignal() {
  return new Promise<NodeJS.Signals>((resolve) => {
    stopOnOutputFailure(() => resolve('SIGPIPE'))
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => {
        process.once(signal, () => process.exit(FAILED))
        resolve(signal)
      })
  })
}

export const NOT_UP_TO_DATE = 'The database is not up to date: run `tratta-jit migrate` first'
