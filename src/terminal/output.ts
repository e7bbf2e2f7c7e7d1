/**
 * The only place that writes to standard output and standard error, except for the log of `serve`.
 *
 * When the reader of standard output ends early (`| head`), the command stops without a message, with the exit
 * code that a shell gives to SIGPIPE. Any other failure (a full disk) stops it with a message and exit code 1.
 */
import { printableLines } from './printable.ts'

/** 128 + SIGPIPE */
const READER_ENDED = 141
const OUTPUT_FAILED = 1

let failure: NodeJS.ErrnoException | undefined
let lastWrite = Promise.resolve()
let onFailure: () => unknown = () => exit(OUTPUT_FAILED)

process.stdout.on('error', fail)
// Nobody is left to read it.
process.stderr.on('error', () => {})

function fail(error: NodeJS.ErrnoException) {
  if (failure) return
  failure = error
  if (error.code !== 'EPIPE')
    process.stderr.write(`Standard output cannot be written (${error.code}): it is not complete\n`)
  onFailure()
}

/** Replaces the immediate exit, for a command that has something to finish first. */
export function stopOnOutputFailure(stop: () => void) {
  onFailure = stop
  if (failure) stop()
}

/** Resolves when the text is written: a command with many lines waits for each. */
function write(text: string): Promise<void> {
  if (failure) return Promise.resolve()
  lastWrite = new Promise((resolve) => {
    process.stdout.write(text, (error) => {
      if (error) fail(error)
      resolve()
    })
  })
  return lastWrite
}

/** Prints a text for a person; control characters in it are escaped. */
export const print = (text: string) => write(`${printableLines(text)}\n`)

export const printJson = (value: unknown) => write(`${JSON.stringify(value)}\n`)

/** A message for a person on standard error. */
export function printError(text: string) {
  if (!failure) process.stderr.write(`${printableLines(text)}\n`)
}

/** Replaces the last line of the terminal at standard error. */
export function rewriteLine(text: string) {
  if (!failure) process.stderr.write(`\r\x1b[2K${text}`)
}

/** Ends the process once everything is written. */
export async function exit(exitCode: number): Promise<never> {
  await lastWrite
  await new Promise((resolve) => process.stderr.write('', resolve))
  process.exit(failure ? (failure.code === 'EPIPE' ? READER_ENDED : OUTPUT_FAILED) : exitCode)
}
