/**
 * The only module that writes to standard output and standard error, except for the log of `serve`.
 *
 * When the reader of standard output closes it early (`| head`), the command stops without a message, with the exit
 * code that a shell reports for SIGPIPE. Any other write error (a full disk) stops it with a message and exit code 1.
 */
import { printableLines } from './printable.ts'
import type { StyledText } from './style.ts'

/** 128 + SIGPIPE */
const READER_CLOSED = 141
const WRITE_FAILED = 1
/** A terminal without a size reports 0 columns. */
const DEFAULT_COLUMNS = 80

let failure: NodeJS.ErrnoException | undefined
let lastWrite = Promise.resolve()
let onFailure: () => unknown = () => exit(WRITE_FAILED)

process.stdout.on('error', fail)
// An error of standard error cannot be reported anywhere.
process.stderr.on('error', () => {})

function fail(error: NodeJS.ErrnoException) {
  if (failure) return
  failure = error
  if (error.code !== 'EPIPE')
    process.stderr.write(`Standard output cannot be written (${error.code}): it is not complete\n`)
  onFailure()
}

/** Replaces the immediate exit, for a command that must finish its work first. */
export function stopOnOutputFailure(stop: () => void) {
  onFailure = stop
  if (failure) stop()
}

/** Resolves when the text is written. A command that prints many lines waits for each. */
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

/** Prints a text for a person. Escapes control characters in it. */
export const print = (text: string) => write(`${printableLines(text)}\n`)

/** Prints a line with colors. */
export const printStyled = ({ text }: StyledText) => write(`${text}\n`)

export const printJson = (value: unknown) => write(`${JSON.stringify(value)}\n`)

/** Prints a message for a person to standard error. */
export function printError(text: string) {
  if (!failure) process.stderr.write(`${printableLines(text)}\n`)
}

/** The width of the terminal at standard output; undefined when it is not a terminal. */
export const terminalColumns = () =>
  process.stdout.isTTY ? process.stdout.columns || DEFAULT_COLUMNS : undefined

/** Replaces the last line of the terminal at standard error. Cuts the text: a wrapped line cannot be replaced. */
export function rewriteLine(text: string) {
  const columns = process.stderr.columns || DEFAULT_COLUMNS
  if (!failure) process.stderr.write(`\r\x1b[2K${text.slice(0, columns - 1)}`)
}

/** Ends the process after all text is written. */
export async function exit(exitCode: number): Promise<never> {
  await lastWrite
  await new Promise((resolve) => process.stderr.write('', resolve))
  process.exit(failure ? (failure.code === 'EPIPE' ? READER_CLOSED : WRITE_FAILED) : exitCode)
}
