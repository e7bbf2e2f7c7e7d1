/**
 * The log. It never contains the secret, a token, a connection string, or data of a person or a debt. So no
 * URL, row or payload is logged, and an error is logged as describeError returns it.
 */
import { hash, hkdfSync } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import pino, { type DestinationStream, type Logger } from 'pino'

export type Log = Logger

// Lines are dropped when standard output accepts no more bytes (a full disk, a stalled collector) and this
// many bytes are buffered: the log must not use the memory that calls need.
const MAX_UNWRITTEN_BYTES = 4 * 1024 * 1024

/** Lines are buffered until they have this many bytes, for at most BUFFER_MS milliseconds. */
const BUFFER_BYTES = 16_000
const BUFFER_MS = 100
/** The time limit for the last write. Lines that are not written by then are lost. */
const LAST_WRITE_MS = 1000

/**
 * Writes JSON lines to standard output, asynchronously: a slow reader does not delay a response.
 * @param format converts each JSON line to the text to write
 */
export function createLog(
  level: string,
  format?: (line: string) => string,
): { log: Log; close: () => Promise<void> } {
  const output = pino.destination({
    dest: 1,
    sync: false,
    minLength: BUFFER_BYTES,
    maxLength: MAX_UNWRITTEN_BYTES,
    periodicFlush: BUFFER_MS,
  })
  // Without a listener a full disk would end the process.
  output.on('error', () => {})
  const log = logTo(format ? { write: (line) => output.write(format(line)) } : output, level)
  return {
    log,
    async close() {
      log.level = 'silent'
      // Not flushSync, which blocks the event loop and retries while the disk is full.
      const ended = once(output, 'close').catch(() => {})
      output.end()
      await Promise.race([ended, pause(LAST_WRITE_MS)])
      // Otherwise pino flushes again when the process exits.
      output.destroy()
    },
  }
}

/** pino's own isoTime formats the time of each line. Under load, several lines have the same millisecond. */
function isoTime() {
  let formatted = { ms: 0, text: '' }
  return () => {
    const ms = Date.now()
    if (ms !== formatted.ms) formatted = { ms, text: `,"time":"${new Date(ms).toISOString()}"` }
    return formatted.text
  }
}

function logTo(output: DestinationStream, level: string): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: isoTime(),
      formatters: { level: (label) => ({ level: label }) },
    },
    output,
  )
}

/**
 * Returns a function that pseudonymizes accounts for the log. The same account always gets the same
 * pseudonym. Without the key nobody can find the account for a pseudonym.
 */
export function pseudonymizer(secret: string): (externalId: string) => string {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'tratta-jit account in the log', 32)).toString('hex')
  // The key has a fixed length and the hash is truncated, so this needs no HMAC, which takes six times as
  // long.
  return (externalId) => hash('sha256', key + externalId, 'base64url').slice(0, 16)
}

interface ErrorDescription {
  type: string
  /** A SQLSTATE, or the name of a system error. */
  code?: string
  message?: string
  /** The stack without the message. */
  stack?: string[]
}

/** Messages by SQLSTATE or by its class. The messages of Postgres can contain values of rows. */
const SQLSTATE_MEANINGS: Record<string, string> = {
  '08': 'the connection failed',
  '21': 'a subquery returned more than one row',
  '22': 'a value cannot be converted',
  '22003': 'a number is out of range',
  '22007': 'a text is not a valid date',
  '22008': 'a date is out of range',
  '22012': 'division by zero',
  '22021': 'a text is not valid in the encoding of the database',
  '22P02': 'a text cannot be cast to another type',
  '22P05': 'a character cannot be converted to another encoding',
  '23': 'a constraint does not hold',
  '25': 'the transaction does not allow it',
  '25006': 'the server is read-only',
  '26': 'a prepared statement does not exist',
  '28': 'Postgres rejects the user or the password',
  '3D': 'the database does not exist',
  '3F': 'a schema does not exist',
  '40': 'a conflict with another transaction',
  '42': 'a statement cannot be executed',
  '42501': 'permission denied',
  '42703': 'a column does not exist',
  '42704': 'a type does not exist',
  '42804': 'types do not match',
  '42883': 'a function does not exist',
  '42P01': 'a table or view does not exist',
  '53': 'the server has no resources left',
  '53300': 'the server has no connection left',
  '54': 'a limit of Postgres is exceeded',
  '55': 'an object is in use or not ready',
  '55P03': 'a lock is not available',
  '57': 'the server was stopped or the statement was canceled',
  '57014': 'the statement was canceled',
  '57P03': 'the server does not accept connections yet',
  '58': 'the server has a system error',
  HV: 'a foreign server failed',
  P0: 'a function raised an exception',
  XX: 'an internal error of Postgres',
}

export const sqlStateMeaning = (code: string) =>
  SQLSTATE_MEANINGS[code] ?? SQLSTATE_MEANINGS[code.slice(0, 2)] ?? 'Postgres returned an error'

/**
 * Returns the parts of an error that may be logged and printed. They never include a message of Postgres or
 * the names in its fields, because a function can put any value there.
 */
export function describeError(error: unknown): ErrorDescription {
  if (!(error instanceof Error)) return { type: typeof error }
  const type = error.constructor.name
  if (error instanceof pg.DatabaseError && error.code !== undefined)
    return { type, code: error.code, message: sqlStateMeaning(error.code) }
  const code = (error as { code?: unknown }).code
  // UnreadableRelationsError, whose message contains names and types only.
  if (code === '42P17') return { type, code, message: error.message }
  if (typeof code === 'string') return { type, code }
  const stack = error.stack?.split('\n').filter((line) => /^\s+at /.test(line)) ?? []
  return { type, stack: stack.slice(0, 8).map((line) => line.trim()) }
}
